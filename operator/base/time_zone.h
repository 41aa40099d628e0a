// Local time of a place, out of the time zone database (RFC 8536). Values; only load() reads a file.
//
// Offsets are local time minus UTC. After the last change that the database lists, its rule for each year
// holds.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace rebalance {

class TimeZone {
 public:
  TimeZone() = default;  // UTC
  // "Europe/Berlin", below $TZDIR or /usr/share/zoneinfo; UTC needs no database. kInvalidInput: none is
  // there.
  static Result<TimeZone> load(const std::string& name);
  // The contents of such a file. kInvalidInput where it is none.
  static Result<TimeZone> parse(std::string_view tzif);

  std::chrono::seconds offset_at(std::chrono::sys_seconds when) const;
  // The first instant at which clocks there show this or later: where they are put forward over it, that is
  // when they are; where they show it twice, the first time.
  std::chrono::sys_seconds instant_of(std::chrono::local_seconds shown) const;

 private:
  struct Change {
    std::chrono::sys_seconds when;
    std::chrono::seconds offset;
  };
  // "the second Sunday of March at 2:00"
  struct YearDay {
    unsigned month = 1, week = 1, day = 0;
    std::chrono::seconds time{7200};
    std::chrono::local_seconds in(std::chrono::year year) const;
  };
  struct Rule {
    std::chrono::seconds standard{0}, daylight{0};
    std::optional<std::pair<YearDay, YearDay>> summer;  // from, to; nothing: always standard
    std::chrono::seconds offset_at(std::chrono::sys_seconds when) const;
  };
  class Reader;
  class RuleReader;
  static Result<Rule> parse_rule(std::string_view text);

  std::chrono::seconds first_{0};  // before the first change
  std::vector<Change> changes_;    // ascending
  std::optional<Rule> rule_;
};

}  // namespace rebalance
