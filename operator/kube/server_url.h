// The `server` of a kubeconfig: "https://HOST[:PORT][/PATH]", HOST a name, an IPv4 literal or one of IPv6 in
// brackets.
#pragma once

#include <string>

#include "base/result.h"

namespace rebalance {

struct ServerUrl {
  std::string host;  // without brackets
  int port = 443;
  std::string path;  // without a slash at its end
};

// kInvalidInput quotes the text and says what is wrong with it.
Result<ServerUrl> parse_server_url(const std::string& text);

}  // namespace rebalance
