// What is told about objects as Events, and how repeated ones become a series. Pure.
//
// Source: events.k8s.io/v1 and client-go tools/events. The first of a kind is created; the second makes it a
// series; later ones are only counted, and the count is sent again every half hour and when the series ends:
// six minutes without another.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "base/clock.h"

namespace rebalance {

struct ObjectRef {
  std::string api_version, kind, name_space, name, uid;
};

struct EventNote {
  bool warning = false;
  std::string reason;  // CamelCase, at most 128 bytes: "BatchFailed"
  std::string action;  // what was done or tried, likewise: "MoveSlots"
  std::string note;    // for a person; what is over 1 kB is cut off
  ObjectRef regarding;
};

struct EventWrite {
  enum class Kind { kCreate, kPatch };  // POST of a whole event; strategic merge patch of its series
  Kind kind = Kind::kCreate;
  std::string name_space, name;  // of the event
  std::string body;              // JSON
  std::string whole;  // of kPatch: the event to create when it is no more (servers keep it an hour)
};

// Times of day come as system_clock, since they are written; spans are measured on the Instant.
class EventSeries {
 public:
  // `controller` and `instance` (at most 128 bytes) say who reports.
  EventSeries(std::string controller, std::string instance)
      : controller_(std::move(controller)), instance_(std::move(instance)) {}

  // What to send for this one, if anything.
  std::optional<EventWrite> add(const EventNote& note, Instant now,
                                std::chrono::system_clock::time_point wall);

  // What became due: to be called each minute or so.
  std::vector<EventWrite> due(Instant now);

 private:
  using Key = std::tuple<bool, std::string, std::string, std::string, std::string, std::string>;
  struct Series {
    EventNote note;
    std::string name, event_time, last_time;
    Instant last, sent;
    int count = 1;
    int told = 1;  // the count that the server has
  };
  EventWrite create(const Series& series) const;
  EventWrite patch(Series& series, Instant now) const;

  std::string controller_, instance_;
  std::map<Key, Series> series_;
};

// The text cut to that many bytes, between two characters, with "..." in place of the rest.
std::string cut_text(const std::string& text, std::size_t most);

}  // namespace rebalance
