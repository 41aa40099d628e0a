#include "kube/document_store.h"

#include <fmt/format.h>

namespace rebalance {

Status check_document_name(std::string_view name, std::string_view store, std::string_view keeps) {
  constexpr auto kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  constexpr std::size_t kMostName = 253;  // of a key of a ConfigMap
  const bool good = !name.empty() && name.size() <= kMostName && name.front() != '.' &&
                    name.find_first_not_of(kLetters) == std::string_view::npos && name != keeps;
  if (good) return {};
  return error(ErrorCode::kInternal, fmt::format("\"{}\" cannot name a document of {}", name, store));
}

}  // namespace rebalance
