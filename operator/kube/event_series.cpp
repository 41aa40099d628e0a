#include "kube/event_series.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "kube/surroundings.h"

namespace rebalance {
namespace {

using nlohmann::json;

constexpr auto kRefresh = std::chrono::minutes(30), kFinish = std::chrono::minutes(6);
constexpr std::size_t kMostNote = 1024, kMostWord = 128;
constexpr std::size_t kMostName = 230;  // with the time behind it, within the 253 of a DNS subdomain

// Whatever a server wrote into a note: what is not UTF-8 becomes a replacement character, and cannot throw.
std::string dump(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string space_of(const ObjectRef& regarding) {
  return regarding.name_space.empty() ? "default" : regarding.name_space;
}

json reference(const ObjectRef& object) {
  json out{{"apiVersion", object.api_version}, {"kind", object.kind}, {"name", object.name}};
  if (!object.name_space.empty()) out["namespace"] = object.name_space;
  if (!object.uid.empty()) out["uid"] = object.uid;
  return out;
}

}  // namespace

std::string cut_text(const std::string& text, std::size_t most) {
  if (text.size() <= most) return text;
  auto end = most - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

EventWrite EventSeries::create(const Series& series) const {
  const auto& note = series.note;
  json event{{"apiVersion", "events.k8s.io/v1"},
             {"kind", "Event"},
             {"metadata", {{"name", series.name}, {"namespace", space_of(note.regarding)}}},
             {"eventTime", series.event_time},
             {"type", note.warning ? "Warning" : "Normal"},
             {"reason", cut_text(note.reason, kMostWord)},
             {"action", cut_text(note.action, kMostWord)},
             {"note", cut_text(note.note, kMostNote)},
             {"regarding", reference(note.regarding)},
             {"reportingController", controller_},
             {"reportingInstance", cut_text(instance_, kMostWord)}};
  if (series.count > 1) event["series"] = {{"count", series.count}, {"lastObservedTime", series.last_time}};
  return {EventWrite::Kind::kCreate, space_of(note.regarding), series.name, dump(event), ""};
}

EventWrite EventSeries::patch(Series& series, Instant now) const {
  series.sent = now;
  series.told = series.count;
  auto write = create(series);
  write.kind = EventWrite::Kind::kPatch;
  write.whole = std::exchange(
      write.body, json{{"series", {{"count", series.count}, {"lastObservedTime", series.last_time}}}}.dump());
  return write;
}

std::optional<EventWrite> EventSeries::add(const EventNote& note, Instant now,
                                           std::chrono::system_clock::time_point wall) {
  const auto& about = note.regarding;
  const Key key{note.warning, note.action, note.reason, about.kind, about.name_space + "/" + about.name,
                about.uid};
  const auto [found, is_new] = series_.try_emplace(key);
  auto& series = found->second;
  series.last = now;
  series.last_time = micro_time(wall);
  if (is_new) {
    const auto nanos = std::chrono::duration_cast<std::chrono::nanoseconds>(wall.time_since_epoch()).count();
    series.note = note;
    series.sent = now;
    series.event_time = series.last_time;
    series.name = fmt::format("{}.{:x}", about.name.substr(0, kMostName), nanos);
    return create(series);
  }
  return ++series.count == 2 ? std::optional(patch(series, now)) : std::nullopt;
}

std::vector<EventWrite> EventSeries::due(Instant now) {
  std::vector<EventWrite> writes;
  for (auto entry = series_.begin(); entry != series_.end();) {
    auto& series = entry->second;
    const bool ended = now - series.last >= kFinish;
    const bool refresh = series.count > 1 && now - series.sent >= kRefresh;
    if ((ended && series.told != series.count) || refresh) writes.push_back(patch(series, now));
    entry = ended ? series_.erase(entry) : std::next(entry);
  }
  return writes;
}

}  // namespace rebalance
