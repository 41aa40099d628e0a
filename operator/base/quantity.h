// Kubernetes quantities for bytes, read exactly as apimachinery's resource.ParseQuantity does:
// sign? digits[.digits] with Ki Mi Gi Ti Pi Ei, n u m k M G T P E, or an exponent (e/E and an integer).
// No floating point anywhere; a fraction of a byte rounds up, as Quantity.Value() does.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace rebalance {

using Bytes = std::int64_t;

inline constexpr Bytes kKiB = 1024;
inline constexpr Bytes kMiB = 1024 * kKiB;
inline constexpr Bytes kGiB = 1024 * kMiB;

// "118Mi", "1.5Gi", "100m" (1 byte), "1e3", "2E" ... Values above 2^63-1 saturate.
// kInvalidInput quotes the text and says what a quantity looks like.
Result<Bytes> parse_quantity(std::string_view text);

// The same value as the shortest exact quantity: 1073741824 -> "1Gi", 1000 -> "1000".
std::string quantity_text(Bytes bytes);

// For people: at most four significant digits with a binary unit, "111.4Mi".
std::string human_bytes(Bytes bytes);

}  // namespace rebalance
