// From the head of an HTTP request to the text of its answer. No I/O. Private to telemetry/.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "telemetry/http_server.h"

namespace rebalance {

// Where the head ends, its empty line included; npos: it is not whole yet.
std::size_t http_head_end(std::string_view text);

// `head` is one whole request head. The answer is complete and says that the connection closes. What is no
// HTTP/1 request is 400, an unknown path 404, another method than GET and HEAD 405, a request with a body
// 413.
std::string http_reply(std::string_view head, const std::map<std::string, HttpHandler>& handlers);

std::string http_text(const HttpAnswer& answer, bool with_body = true);

}  // namespace rebalance
