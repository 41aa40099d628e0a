// A listening TCP socket. Private to telemetry/.
#pragma once

#include <cstdint>
#include <string>

#include "base/descriptor.h"
#include "base/result.h"

namespace rebalance {

struct Listener {
  Descriptor socket;  // does not block
  std::uint16_t port = 0;
};

// "HOST:PORT" as HttpServerOptions has it. Without a host: IPv6 and IPv4 on one socket, or IPv4 alone where
// the kernel has no IPv6.
Result<Listener> listen_on(const std::string& text);

}  // namespace rebalance
