// HTTP/1.1 as the fake API server speaks it: requests read from a connection, answers written to it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "rig/tls_listener.h"

namespace rig {

struct FakeCall {
  std::string method;
  std::string path;                            // without the query, not decoded
  std::map<std::string, std::string> query;    // decoded
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;

  std::string query_at(const std::string& name) const;
  std::string header_at(const std::string& name) const;
};

struct FakeAnswer {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::map<std::string, std::string> headers;
};

std::string url_decoded(std::string_view text);

// The next request; `rest` holds what was read beyond it. Nothing when the peer is gone.
std::optional<FakeCall> read_call(TlsConnection& connection, std::string& rest);

std::string answer_text(const FakeAnswer& answer);
std::string chunked_head();
std::string chunk(std::string_view bytes);  // empty: the last one

}  // namespace rig
