#include "rig/fake_http.h"

#include <algorithm>
#include <cstdlib>
#include <sstream>

namespace rig {
namespace {

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

void read_query(std::string_view text, std::map<std::string, std::string>& into) {
  while (!text.empty()) {
    const auto end = std::min(text.find('&'), text.size());
    const auto pair = text.substr(0, end);
    const auto equals = std::min(pair.find('='), pair.size());
    into[url_decoded(pair.substr(0, equals))] =
        url_decoded(equals < pair.size() ? pair.substr(equals + 1) : std::string_view());
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

FakeCall read_head(const std::string& head) {
  FakeCall call;
  std::istringstream lines(head);
  std::string target;
  std::string line;
  std::getline(lines, line);
  std::istringstream(line) >> call.method >> target;
  const auto question = std::min(target.find('?'), target.size());
  call.path = target.substr(0, question);
  if (question < target.size()) read_query(std::string_view(target).substr(question + 1), call.query);
  while (std::getline(lines, line) && line != "\r") {
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    auto value = line.substr(line.find_first_not_of(' ', colon + 1));
    value.erase(value.find_last_not_of("\r ") + 1);
    call.headers[lower(line.substr(0, colon))] = value;
  }
  return call;
}

const char* phrase(int status) { return status < 300 ? "OK" : status < 500 ? "Refused" : "Failed"; }

}  // namespace

std::string FakeCall::query_at(const std::string& name) const {
  const auto found = query.find(name);
  return found == query.end() ? std::string() : found->second;
}

std::string FakeCall::header_at(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string() : found->second;
}

std::string url_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      decoded += static_cast<char>(std::strtol(std::string(text.substr(i + 1, 2)).c_str(), nullptr, 16));
      i += 2;
    } else {
      decoded += text[i] == '+' ? ' ' : text[i];
    }
  }
  return decoded;
}

std::optional<FakeCall> read_call(TlsConnection& connection, std::string& rest) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  while (rest.find(kEnd) == std::string::npos) {
    if (!connection.read_some(rest)) return std::nullopt;
  }
  const auto end = rest.find(kEnd) + kEnd.size();
  auto call = read_head(rest.substr(0, end));
  const auto length = static_cast<std::size_t>(std::atoll(call.header_at("content-length").c_str()));
  while (rest.size() < end + length) {
    if (!connection.read_some(rest)) return std::nullopt;
  }
  call.body = rest.substr(end, length);
  rest.erase(0, end + length);
  return call;
}

std::string answer_text(const FakeAnswer& answer) {
  std::ostringstream text;
  text << "HTTP/1.1 " << answer.status << ' ' << phrase(answer.status) << "\r\n"
       << "Content-Type: " << answer.content_type << "\r\nContent-Length: " << answer.body.size() << "\r\n";
  for (const auto& [name, value] : answer.headers) text << name << ": " << value << "\r\n";
  text << "\r\n" << answer.body;
  return text.str();
}

std::string chunked_head() {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
}

std::string chunk(std::string_view bytes) {
  std::ostringstream text;
  text << std::hex << bytes.size() << "\r\n" << bytes << "\r\n";
  return text.str();
}

}  // namespace rig
