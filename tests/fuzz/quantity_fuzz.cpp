// No text may crash the reader of quantities, and what it reads it must write and read again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/quantity.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto bytes = rebalance::parse_quantity(text);
  if (bytes && rebalance::parse_quantity(rebalance::quantity_text(*bytes)) != *bytes) std::abort();
  return 0;
}
