#include "base/time_zone.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

namespace rebalance {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::local_days;
using std::chrono::local_seconds;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::sys_seconds;

// Big-endian numbers; what is past the end reads as zero and is seen by ok().
class TimeZone::Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  std::int64_t number(int size) {
    if (std::ssize(bytes_) < size) return ok_ = false, 0;
    std::uint64_t value = (bytes_[0] & 0x80) != 0 ? ~std::uint64_t{0} : 0;  // signed, whatever its size
    for (int i = 0; i < size; ++i) value = value << 8 | static_cast<unsigned char>(bytes_[i]);
    bytes_.remove_prefix(size);
    return static_cast<std::int64_t>(value);
  }
  void skip(std::int64_t size) {
    ok_ = ok_ && size >= 0 && size <= std::ssize(bytes_);
    if (ok_) bytes_.remove_prefix(size);
  }
  bool ok() const { return ok_; }
  std::string_view rest() const { return bytes_; }

 private:
  std::string_view bytes_;
  bool ok_ = true;
};

// POSIX's TZ: "CET-1CEST,M3.5.0,M10.5.0/3". What is no such thing is seen by ok().
class TimeZone::RuleReader {
 public:
  explicit RuleReader(std::string_view text) : text_(text) {}

  bool ok() const { return ok_; }
  bool done() const { return text_.empty(); }
  bool take(char wanted) {
    if (!at(wanted)) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool at(char wanted) const { return !text_.empty() && text_.front() == wanted; }
  void name() {
    const bool quoted = take('<');
    const auto ends = [&](char c) { return quoted ? c == '>' : (c | 0x20) < 'a' || (c | 0x20) > 'z'; };
    const auto length = std::ranges::find_if(text_, ends) - text_.begin();
    ok_ = ok_ && length > 0;
    text_.remove_prefix(length);
    if (quoted) ok_ = ok_ && take('>');
  }
  unsigned number() {
    unsigned value = 0;
    ok_ = ok_ && !text_.empty() && is_digit(text_.front());
    for (int digits = 0; digits < 4 && !text_.empty() && is_digit(text_.front()); ++digits) {
      value = value * 10 + static_cast<unsigned>(text_.front() - '0');
      text_.remove_prefix(1);
    }
    return value;
  }
  seconds time() {
    const int sign = take('-') ? -1 : 1;
    if (sign > 0) take('+');
    seconds value = hours(number());
    if (take(':')) value += minutes(number());
    if (take(':')) value += seconds(number());
    return sign * value;
  }
  YearDay day() {
    YearDay day;
    ok_ = take(',') && take('M') && ok_;
    day.month = number();
    ok_ = take('.') && ok_;
    day.week = number();
    ok_ = take('.') && ok_;
    day.day = number();
    if (take('/')) day.time = time();
    ok_ = ok_ && day.month >= 1 && day.month <= 12 && day.week >= 1 && day.week <= 5 && day.day <= 6;
    return day;
  }

 private:
  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  std::string_view text_;
  bool ok_ = true;
};

// Week 5 is the last one that the month has.
local_seconds TimeZone::YearDay::in(std::chrono::year year) const {
  const auto month_of = year / std::chrono::month(month);
  const auto wanted = std::chrono::weekday(day);
  const local_days found =
      week == 5 ? local_days(month_of / wanted[std::chrono::last]) : local_days(month_of / wanted[week]);
  return found + time;
}

seconds TimeZone::Rule::offset_at(sys_seconds when) const {
  if (!summer) return standard;
  const local_seconds shown{(when + standard).time_since_epoch()};
  const auto now_year = std::chrono::year_month_day(std::chrono::floor<days>(shown)).year();
  const auto begins = summer->first.in(now_year).time_since_epoch() - standard;
  const auto ends = summer->second.in(now_year).time_since_epoch() - daylight;
  const auto now = when.time_since_epoch();
  const bool northern = begins < ends;
  const bool is_summer = northern ? now >= begins && now < ends : now >= begins || now < ends;
  return is_summer ? daylight : standard;
}

Result<TimeZone::Rule> TimeZone::parse_rule(std::string_view text) {
  RuleReader reader(text);
  Rule rule;
  reader.name();
  rule.standard = -reader.time();
  if (!reader.done()) {
    reader.name();
    const bool said = !reader.done() && !reader.at(',');
    rule.daylight = said ? -reader.time() : rule.standard + hours(1);
    const auto from = reader.day();
    rule.summer = {from, reader.day()};
  }
  if (!reader.ok() || !reader.done()) return invalid_input("its rule cannot be read: " + std::string(text));
  return rule;
}

namespace {

constexpr int kHeader = 44;

struct Counts {
  std::int64_t utc, standard, leap, times, types, letters;
};

}  // namespace

Result<TimeZone> TimeZone::parse(std::string_view tzif) {
  const auto counts_in = [](Reader& in) {
    in.skip(20);
    Counts counts{};
    for (auto* count :
         {&counts.utc, &counts.standard, &counts.leap, &counts.times, &counts.types, &counts.letters})
      *count = in.number(4);
    return counts;
  };
  if (!tzif.starts_with("TZif") || tzif.size() < kHeader || tzif[4] < '2')
    return invalid_input("it is no time zone file of version 2 or later");
  Reader in(tzif);
  const auto old = counts_in(in);  // 32-bit times, which nobody needs any more
  in.skip(old.times * 5 + old.types * 6 + old.letters + old.leap * 8 + old.standard + old.utc);
  const auto counts = counts_in(in);
  constexpr std::int64_t kMost = 100'000;
  if (!in.ok() || counts.times > kMost || counts.types < 1 || counts.types > 256)
    return invalid_input("it is torn");

  TimeZone zone;
  for (std::int64_t i = 0; i < counts.times; ++i)
    zone.changes_.push_back({sys_seconds(seconds(in.number(8))), seconds(0)});
  std::vector<std::int64_t> kinds(counts.times);
  for (auto& kind : kinds) kind = in.number(1) & 0xFF;
  std::vector<seconds> offsets(counts.types);
  for (auto& offset : offsets) {
    offset = seconds(in.number(4));
    in.skip(2);
  }
  in.skip(counts.letters + counts.leap * 12 + counts.standard + counts.utc);
  const auto out_of_range = [&](std::int64_t kind) { return kind >= counts.types; };
  if (!in.ok() || std::ranges::any_of(kinds, out_of_range)) return invalid_input("it is torn");
  for (std::size_t i = 0; i < kinds.size(); ++i) zone.changes_[i].offset = offsets[kinds[i]];
  zone.first_ = offsets.front();

  auto footer = in.rest();
  if (footer.size() < 2 || footer.front() != '\n' || footer.back() != '\n')
    return invalid_input("it is torn");
  footer = footer.substr(1, footer.size() - 2);
  if (footer.empty()) return zone;
  TRY(rule, parse_rule(footer));
  zone.rule_ = rule;
  return zone;
}

Result<TimeZone> TimeZone::load(const std::string& name) {
  if (name == "UTC") return TimeZone();
  const char* folder =
      std::getenv("TZDIR");  // NOLINT(concurrency-mt-unsafe): nothing here sets the environment
  const std::string path = std::string(folder != nullptr ? folder : "/usr/share/zoneinfo") + "/" + name;
  std::error_code ignored;
  std::string text;
  if (std::filesystem::is_regular_file(path, ignored)) {  // reading a folder would throw
    std::ifstream file(path, std::ios::binary);
    text.assign(std::istreambuf_iterator<char>(file), {});
  }
  auto zone = parse(text);
  if (!zone) return invalid_input("no time zone " + name + " in " + path + ": " + zone.error().message);
  return zone;
}

seconds TimeZone::offset_at(sys_seconds when) const {
  const auto after = std::ranges::upper_bound(changes_, when, {}, &Change::when);
  if (after == changes_.end() && rule_) return rule_->offset_at(when);
  return after == changes_.begin() ? first_ : std::prev(after)->offset;
}

sys_seconds TimeZone::instant_of(local_seconds shown) const {
  constexpr auto kFar = hours(26);  // further than any offset
  const sys_seconds as_utc{shown.time_since_epoch()};
  const seconds before = offset_at(as_utc - kFar), later = offset_at(as_utc + kFar);
  if (offset_at(as_utc - before) == before) return as_utc - before;
  if (offset_at(as_utc - later) == later) return as_utc - later;
  auto low = as_utc - kFar, high = as_utc + kFar;  // put forward over it: when?
  while (high - low > seconds(1)) {
    const auto middle = low + (high - low) / 2;
    (offset_at(middle) == later ? high : low) = middle;
  }
  return high;
}

}  // namespace rebalance
