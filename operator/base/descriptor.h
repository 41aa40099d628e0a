// Owns a file descriptor, or none.
#pragma once

#include <unistd.h>

#include <utility>

namespace rebalance {

// Closed in the destructor and when another takes its place; what close() says is not looked at. Moved from,
// it owns none.
class Descriptor {
 public:
  // As the call gave it that opened it: below 0 is none, and errno still says why.
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  explicit operator bool() const { return number_ >= 0; }
  int number() const { return number_; }

 private:
  int number_;
};

}  // namespace rebalance
