// A listening TCP socket. Private to telemetry/.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <string>
#include <utility>

#include "base/result.h"

namespace rebalance {

// Owns a file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  int number() const { return number_; }
  bool open() const { return number_ >= 0; }

 private:
  int number_;
};

struct Listener {
  Descriptor socket;  // does not block
  std::uint16_t port = 0;
};

// "HOST:PORT" as HttpServerOptions has it. Without a host: IPv6 and IPv4 on one socket, or IPv4 alone where
// the kernel has no IPv6.
Result<Listener> listen_on(const std::string& address);

}  // namespace rebalance
