#include "model/listed.h"

#include <fmt/format.h>

#include <algorithm>

namespace rebalance {

std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t kMostNamed = 8;
  const auto shown = std::min(names.size(), kMostNamed);
  auto text =
      fmt::format("{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
  if (shown < names.size()) text += fmt::format(" and {} more", names.size() - shown);
  return text;
}

}  // namespace rebalance
