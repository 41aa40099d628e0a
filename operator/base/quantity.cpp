#include "base/quantity.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <ranges>

#include "base/text.h"

namespace rebalance {
namespace {

constexpr Bytes kMost = std::numeric_limits<Bytes>::max();

// A suffix as a power of two or of ten.
struct Scale {
  int binary = 0;
  std::int64_t decimal = 0;
};

struct NamedScale {
  std::string_view suffix;
  Scale scale;
};

constexpr std::array<NamedScale, 16> kScales{{{"", {}},
                                              {"Ki", {10, 0}},
                                              {"Mi", {20, 0}},
                                              {"Gi", {30, 0}},
                                              {"Ti", {40, 0}},
                                              {"Pi", {50, 0}},
                                              {"Ei", {60, 0}},
                                              {"n", {0, -9}},
                                              {"u", {0, -6}},
                                              {"m", {0, -3}},
                                              {"k", {0, 3}},
                                              {"M", {0, 6}},
                                              {"G", {0, 9}},
                                              {"T", {0, 12}},
                                              {"P", {0, 15}},
                                              {"E", {0, 18}}}};

std::string_view take_digits(std::string_view& text) {
  const auto end = std::ranges::find_if(text, [](char c) { return c < '0' || c > '9'; });
  const std::string_view digits(text.begin(), end);
  text.remove_prefix(digits.size());
  return digits;
}

std::optional<Scale> exponent(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto decimal = whole_number<std::int64_t>(text);
  return decimal ? std::optional(Scale{0, *decimal}) : std::nullopt;
}

std::optional<Scale> parse_scale(std::string_view suffix) {
  const auto* const named = std::ranges::find(kScales, suffix, &NamedScale::suffix);
  if (named != kScales.end()) return named->scale;
  const bool exponential = suffix.starts_with('e') || suffix.starts_with('E');
  if (exponential && !suffix.starts_with("e+-") && !suffix.starts_with("E+-"))
    return exponent(suffix.substr(1));
  return std::nullopt;
}

// A decimal number that is multiplied exactly: the whole part saturates, the fraction keeps all its digits.
class Decimal {
 public:
  // `point` digits of `digits` stand before the point; it may lie outside of them on either side.
  Decimal(std::string_view digits, std::int64_t point) {
    constexpr std::int64_t kFarOut = 64;  // digits; beyond that every value is saturated or rounds up to one
    point = std::clamp<std::int64_t>(point, -kFarOut, static_cast<std::int64_t>(digits.size()) + kFarOut);
    for (std::int64_t i = std::min<std::int64_t>(point, 0); i < static_cast<std::int64_t>(digits.size());
         ++i) {
      const char digit = i < 0 ? '0' : digits[static_cast<std::size_t>(i)];
      if (i < point) {
        grow(10, digit - '0');
      } else {
        fraction_ += digit;
      }
    }
    for (auto i = static_cast<std::int64_t>(digits.size()); i < point; ++i) grow(10, 0);
  }

  void twice() {
    int carry = 0;
    for (char& digit : fraction_ | std::views::reverse) {
      const int doubled = 2 * (digit - '0') + carry;
      digit = static_cast<char>('0' + doubled % 10);
      carry = doubled / 10;
    }
    grow(2, carry);
  }

  Bytes rounded_up() const {
    const bool more = fraction_.find_first_not_of('0') != std::string::npos;
    return more && whole_ < kMost ? whole_ + 1 : whole_;
  }

 private:
  void grow(int factor, int plus) {
    whole_ = whole_ > (kMost - plus) / factor ? kMost : whole_ * factor + plus;
  }

  Bytes whole_ = 0;
  std::string fraction_;
};

std::unexpected<Error> not_a_quantity(std::string_view text) {
  constexpr std::size_t kShown = 64;
  return invalid_input(
      fmt::format("\"{}\" is not a quantity: write a number and a suffix of Ki Mi Gi Ti Pi Ei or k M G T P "
                  "E, such as 512Mi",
                  text.substr(0, kShown)));
}

}  // namespace

Result<Bytes> parse_quantity(std::string_view text) {
  std::string_view rest = text;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  const auto whole = take_digits(rest);
  std::string digits(whole);  // none at all reads as 0, as apimachinery has it
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    digits += take_digits(rest);
  }
  if (text.empty()) return not_a_quantity(text);
  const auto scale = parse_scale(rest);
  if (!scale) return not_a_quantity(text);

  // An exponent so large that adding to it could overflow says the same as one of a million.
  constexpr std::int64_t kHuge = 1'000'000;
  Decimal value(digits, static_cast<std::int64_t>(whole.size()) + std::clamp(scale->decimal, -kHuge, kHuge));
  for (int i = 0; i < scale->binary; ++i) value.twice();
  return negative ? -value.rounded_up() : value.rounded_up();
}

std::string quantity_text(Bytes bytes) {
  constexpr std::array kSuffixes{"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
  std::size_t unit = 0;
  for (; bytes != 0 && bytes % kKiB == 0 && unit + 1 < kSuffixes.size(); ++unit) bytes /= kKiB;
  return fmt::format("{}{}", bytes, kSuffixes[unit]);
}

std::string human_bytes(Bytes bytes) {
  constexpr std::array kSuffixes{"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
  const bool negative = bytes < 0;
  auto value = negative ? -static_cast<double>(bytes) : static_cast<double>(bytes);
  std::size_t unit = 0;
  // 1023.95 would be shown as 1024.0, which is one of the next unit.
  for (; value >= (unit == 0 ? 1024 : 1023.95) && unit + 1 < kSuffixes.size(); ++unit) value /= 1024;
  return fmt::format("{}{:.{}f}{}", negative ? "-" : "", value, unit == 0 || value >= 1000 ? 0 : 1,
                     kSuffixes[unit]);
}

}  // namespace rebalance
