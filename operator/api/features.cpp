#include "api/features.h"

#include <fmt/format.h>

namespace rebalance {
namespace {

class Refusals {
 public:
  explicit Refusals(const SetPaths& set) : set_(set) {}

  // Refuses `path` when the file sets it and the value asks for something.
  void add(const std::string& path, bool asks, const std::string& what, const std::string& instead) {
    if (!asks || !set_.contains(path)) return;
    found_.push_back({path, fmt::format("{} is not there yet in this version; {}", what, instead)});
  }

  std::vector<Violation> take() { return std::move(found_); }

 private:
  const SetPaths& set_;
  std::vector<Violation> found_;
};

constexpr auto kLeaveOut = "leave the field out";

}  // namespace

std::vector<Violation> unsupported_features(const RebalanceSpec& spec, const SetPaths& set) {
  Refusals refusals(set);
  refusals.add("spec.coldKeys", true, "coldKeys", kLeaveOut);
  return refusals.take();
}

std::vector<std::string> defaulted_missing_features(const SetPaths& set) {
  std::vector<std::string> missing;
  if (!set.contains("spec.coldKeys"))
    missing.emplace_back("coldKeys (a report of keys that nobody used for long)");
  return missing;
}

}  // namespace rebalance
