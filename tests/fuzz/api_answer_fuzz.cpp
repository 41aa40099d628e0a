// Whatever an API server answers: its lines and its errors are read, and what they give is within bounds.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "kube/api_error.h"
#include "kube/line_splitter.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rebalance;
  constexpr std::size_t kMostBytes = 64;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  LineSplitter splitter(kMostBytes);
  const auto line = [](std::string_view whole) {
    if (whole.empty() || whole.size() > kMostBytes || whole.find('\n') != std::string_view::npos)
      std::abort();
    return true;
  };
  const std::size_t middle = size / 2;
  if (splitter.feed(text.substr(0, middle), line) == LineSplitter::Outcome::kMore) {
    splitter.feed(text.substr(middle), line);
  }
  const auto error =
      api_error({.path = "/api/v1/pods"}, {.status = 500, .body = std::string(text), .retry_after = {}});
  if (error.message.size() > 2000 || error.message.find('\n') != std::string::npos) std::abort();
  if (error.retry_after && (error.retry_after->count() < 0 || error.retry_after->count() > 3'600'000))
    std::abort();
  watch_error(text);
  return 0;
}
