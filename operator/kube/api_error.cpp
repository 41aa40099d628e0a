#include "kube/api_error.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace rebalance {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostShown = 1000;
constexpr int kMostWaited = 3600;  // s; what asks for more is a mistake

// apimachinery: pkg/api/errors/errors.go, NewGenericServerResponse.
const char* usual_reason(int status, const std::string& method) {
  switch (status) {
    case 400: return "BadRequest";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "NotFound";
    case 405: return "MethodNotAllowed";
    case 406: return "NotAcceptable";
    case 409: return method == "POST" ? "AlreadyExists" : "Conflict";
    case 410: return "Gone";
    case 413: return "RequestEntityTooLarge";
    case 415: return "UnsupportedMediaType";
    case 422: return "Invalid";
    case 429: return "TooManyRequests";
    case 500: return "InternalError";
    case 503: return "ServiceUnavailable";
    case 504: return "Timeout";
    default: return "";
  }
}

ErrorCode nearest_code(int status) {
  switch (status) {
    case 400:
    case 404:
    case 405:
    case 406:
    case 413:
    case 415:
    case 422: return ErrorCode::kInvalidInput;
    case 401:
    case 403: return ErrorCode::kRefused;
    case 409:
    case 410: return ErrorCode::kConflict;
    case 429:
    case 500:
    case 502:
    case 503: return ErrorCode::kUnavailable;
    case 408:
    case 504: return ErrorCode::kTimeout;
    default: return ErrorCode::kInternal;
  }
}

std::string text_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

int number_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_integer()) return 0;
  const auto number = found->get<std::int64_t>();
  return number < 0 || number > kMostWaited ? 0 : static_cast<int>(number);
}

// One line of plain text, of a bearable length and whole characters.
std::string shown(std::string_view text) {
  std::string line;
  for (const char c : text.substr(0, kMostShown)) {
    const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
    if (!control) line += c;
    if (control && !line.empty() && line.back() != ' ') line += ' ';
  }
  if (text.size() > kMostShown) {
    while (!line.empty() && (static_cast<unsigned char>(line.back()) & 0x80U) != 0) line.pop_back();
    line += "...";
  }
  while (line.ends_with(' ')) line.pop_back();
  return line;
}

// Queries hold selectors and tokens of long lists, which tell a person nothing.
std::string call_text(const HttpRequest& request) {
  return request.method + ' ' + request.path.substr(0, request.path.find('?'));
}

std::string cause_of(const Json& details) {
  const auto causes = details.find("causes");
  if (causes == details.end() || !causes->is_array()) return {};
  for (const auto& cause : *causes) {
    if (cause.is_object() && !text_at(cause, "reason").empty()) return text_at(cause, "reason");
  }
  return {};
}

// Fills what a Status says; false when the text is none.
bool read_status(std::string_view text, ApiError& into) {
  const auto status = Json::parse(text, nullptr, false);
  if (!status.is_object() || text_at(status, "kind") != "Status") return false;
  if (const int code = number_at(status, "code"); code != 0) into.status = code;
  if (auto reason = text_at(status, "reason"); !reason.empty()) into.reason = std::move(reason);
  into.message = shown(text_at(status, "message"));
  const auto details = status.find("details");
  if (details == status.end() || !details->is_object()) return true;
  if (const int seconds = number_at(*details, "retryAfterSeconds"); seconds > 0 && !into.retry_after) {
    into.retry_after = std::chrono::seconds(seconds);
  }
  into.cause = cause_of(*details);
  return true;
}

}  // namespace

ApiError api_error(const HttpRequest& request, const HttpResponse& response) {
  ApiError error{.status = response.status, .retry_after = response.retry_after};
  error.reason = usual_reason(response.status, request.method);
  if (!read_status(response.body, error)) error.message = shown(response.body);
  error.code = nearest_code(error.status);
  const auto reason = error.reason.empty() ? fmt::format("HTTP {}", error.status)
                                           : fmt::format("{}, HTTP {}", error.reason, error.status);
  error.message = error.message.empty()
                      ? fmt::format("{}: {}", call_text(request), reason)
                      : fmt::format("{}: {} ({})", call_text(request), error.message, reason);
  return error;
}

ApiError watch_error(std::string_view status_json) {
  ApiError error{.status = 500, .reason = "InternalError"};
  if (!read_status(status_json, error)) error.message = "an ERROR event without a Status";
  if (error.message.empty()) error.message = error.reason;
  error.code = nearest_code(error.status);
  return error;
}

ApiError transport_error(const HttpRequest& request, const Error& failure) {
  return {.message = fmt::format("{}: {}", call_text(request), failure.message), .code = failure.code};
}

}  // namespace rebalance
