#include "kube/line_splitter.h"

namespace rebalance {

LineSplitter::Outcome LineSplitter::give(std::string_view line,
                                         const std::function<bool(std::string_view)>& taker) const {
  if (line.size() > most_bytes_) return Outcome::kTooLong;
  return line.empty() || taker(line) ? Outcome::kMore : Outcome::kEnough;
}

LineSplitter::Outcome LineSplitter::feed(std::string_view bytes,
                                         const std::function<bool(std::string_view)>& line) {
  for (auto end = bytes.find('\n'); end != std::string_view::npos; end = bytes.find('\n')) {
    auto outcome = Outcome::kMore;
    if (rest_.empty()) {
      outcome = give(bytes.substr(0, end), line);  // a line within one piece is not copied
    } else {
      rest_.append(bytes.substr(0, end));
      outcome = give(rest_, line);
      rest_.clear();
    }
    if (outcome != Outcome::kMore) return outcome;
    bytes.remove_prefix(end + 1);
  }
  if (rest_.size() + bytes.size() > most_bytes_) return Outcome::kTooLong;
  rest_.append(bytes);
  return Outcome::kMore;
}

}  // namespace rebalance
