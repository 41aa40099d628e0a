#include "migrate/dump_value.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

namespace rebalance {
namespace {

using Number = std::optional<std::uint64_t>;

constexpr char kSet = 2, kHash = 4;  // hash tables: RDB_TYPE_SET, RDB_TYPE_HASH
constexpr std::size_t kFooter = 10;  // two bytes of version, eight of CRC-64 (redis.io, DUMP)

// The lengths and strings of an RDB file, from the front (rdb.h of Redis 7.0; they never changed); nothing
// where there is something else.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  std::string_view rest() const { return rest_; }

  Number length() {
    const auto first = number(1);
    if (!first) return {};
    const auto kind = *first >> 6, low = *first & 0x3f;
    if (kind == 0) return low;
    if (kind == 2) return number(*first == 0x80 ? 4 : 8);
    const auto next = kind == 1 ? number(1) : Number();
    return next ? Number(low << 8 | *next) : Number();
  }

  bool skip_string() {
    const auto bytes = bytes_of_string();
    if (!bytes || *bytes > rest_.size()) return false;
    rest_.remove_prefix(*bytes);
    return true;
  }

 private:
  // The next bytes, most significant first.
  Number number(std::size_t bytes) {
    if (rest_.size() < bytes) return {};
    std::uint64_t value = 0;
    for (const char byte : rest_.substr(0, bytes)) value = value << 8 | static_cast<unsigned char>(byte);
    rest_.remove_prefix(bytes);
    return value;
  }

  // Of an integer in 1, 2 or 4 bytes, of a compressed one (its length, that of the string), or of a plain
  // one.
  Number bytes_of_string() {
    if (rest_.empty() || static_cast<unsigned char>(rest_.front()) < 0xc0) return length();
    const auto encoding = *number(1) & 0x3f;
    if (encoding < 3) return 1 << encoding;
    const auto compressed = encoding == 3 ? length() : Number();
    return compressed && length() ? compressed : Number();
  }

  std::string_view rest_;
};

// As they are written, in an order that depends on nothing else. None: it is no hash table.
std::vector<std::string_view> members(std::string_view value) {
  if (value.front() != kSet && value.front() != kHash) return {};
  Reader reader(value.substr(1));
  if (!reader.length()) return {};
  std::vector<std::string_view> found;
  while (!reader.rest().empty()) {
    const auto from = reader.rest();
    if (!reader.skip_string() || (value.front() == kHash && !reader.skip_string())) return {};
    found.push_back(from.substr(0, from.size() - reader.rest().size()));
  }
  std::ranges::sort(found);
  return found;
}

}  // namespace

bool same_value(std::string_view one, std::string_view other) {
  if (one == other) return true;
  if (one.size() != other.size() || one.size() <= kFooter) return false;
  one.remove_suffix(kFooter);
  other.remove_suffix(kFooter);
  if (one == other) return true;
  if (one.front() != other.front()) return false;
  const auto ours = members(one);
  return !ours.empty() && ours == members(other);
}

}  // namespace rebalance
