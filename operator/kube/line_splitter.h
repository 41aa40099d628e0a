// Bytes that come in pieces, as lines. A watch is one JSON object a line, and pieces may be cut anywhere.
//
// Holds at most one unfinished line.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace rebalance {

class LineSplitter {
 public:
  enum class Outcome {
    kMore,     // all was taken
    kEnough,   // `line` returned false; what followed is gone
    kTooLong,  // a line is longer than allowed; nothing can be read any more
  };

  explicit LineSplitter(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  // Gives each whole line, without its "\n" and only when it is not empty; the view lives as long as the
  // call.
  Outcome feed(std::string_view bytes, const std::function<bool(std::string_view)>& line);

  // Whether the bytes so far end in the middle of a line.
  bool unfinished() const { return !rest_.empty(); }

 private:
  Outcome give(std::string_view line, const std::function<bool(std::string_view)>& taker) const;

  std::size_t most_bytes_;
  std::string rest_;
};

}  // namespace rebalance
