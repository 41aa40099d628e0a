// Base64 with padding (RFC 4648, 4), as Secrets and kubeconfigs hold their bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace rebalance {

// Line breaks are let pass, as Go's decoder does; anything else that is not base64: nothing.
std::optional<std::string> from_base64(std::string text);
std::string to_base64(std::string_view bytes);

}  // namespace rebalance
