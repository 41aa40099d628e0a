#include "telemetry/http_message.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <exception>
#include <optional>

namespace rebalance {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

const char* reason_phrase(int status) {
  switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 413: return "Content Too Large";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 503: return "Service Unavailable";
    default: return "Answer";
  }
}

struct RequestLine {
  std::string_view method, path;
};

// "GET /metrics?x=1 HTTP/1.1"
std::optional<RequestLine> parse_request_line(std::string_view line) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == 0 || last == first) return std::nullopt;
  const auto version = line.substr(last + 1);
  auto path = line.substr(first + 1, last - first - 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return std::nullopt;
  if (!path.starts_with('/') || path.find(' ') != std::string_view::npos) return std::nullopt;
  return RequestLine{line.substr(0, first), path.substr(0, path.find('?'))};
}

bool same_word(std::string_view a, std::string_view b) {
  const auto lower = [](char letter) { return std::tolower(static_cast<unsigned char>(letter)); };
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t";
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

bool announces_body(std::string_view headers) {
  while (!headers.empty()) {
    const auto line = headers.substr(0, headers.find(kLineEnd));
    headers.remove_prefix(std::min(headers.size(), line.size() + kLineEnd.size()));
    const auto colon = std::min(line.find(':'), line.size());
    const auto name = line.substr(0, colon);
    const auto value = trimmed(line.substr(std::min(line.size(), colon + 1)));
    if (same_word(name, "transfer-encoding")) return true;
    if (same_word(name, "content-length") && value != "0") return true;
  }
  return false;
}

HttpAnswer refusal(int status) { return {status, fmt::format("{}\n", reason_phrase(status))}; }

HttpAnswer call(const HttpHandler& handler) {
  try {
    return handler();
  } catch (const std::exception& problem) {  // a page that fails must not end the operator
    return {500, fmt::format("{}\n", problem.what())};
  }
}

}  // namespace

std::size_t http_head_end(std::string_view text) {
  const auto end = text.find("\r\n\r\n");
  return end == std::string_view::npos ? end : end + 4;
}

std::string http_text(const HttpAnswer& answer, bool with_body) {
  return fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}Cache-Control: no-store\r\n"
      "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n{}",
      answer.status, reason_phrase(answer.status), answer.content_type, answer.body.size(),
      answer.status == 405 ? "Allow: GET, HEAD\r\n" : "", with_body ? answer.body : "");
}

std::string http_reply(std::string_view head, const std::map<std::string, HttpHandler>& handlers) {
  const auto line_end = std::min(head.find(kLineEnd), head.size());
  const auto request = parse_request_line(head.substr(0, line_end));
  if (!request) return http_text(refusal(400));
  const bool only_head = request->method == "HEAD";
  if (!only_head && request->method != "GET") return http_text(refusal(405));
  if (announces_body(head.substr(std::min(head.size(), line_end + kLineEnd.size()))))
    return http_text(refusal(413));
  const auto handler = handlers.find(std::string(request->path));
  if (handler == handlers.end()) return http_text(refusal(404), !only_head);
  return http_text(call(handler->second), !only_head);
}

}  // namespace rebalance
