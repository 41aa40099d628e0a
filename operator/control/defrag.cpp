#include "control/defrag.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "redis/defrag.h"

namespace rebalance {
namespace {

Status put_back(const DefragNote& note, const ConnectOptions& options) {
  TRY(connection, Connection::open(options));
  TRY(state, read_defrag(connection));
  if (!state.on || state.run_id != note.run_id) return {};
  return set_defrag(connection, false);
}

}  // namespace

Status Defrag::recall() {
  TRY(text, documents_.get(kDefragNotes));
  if (!text) return {};
  TRY(notes, decode_defrag(*text));
  notes_ = std::move(notes);
  return {};
}

Status Defrag::keep() {
  return notes_.empty() ? documents_.remove(kDefragNotes)
                        : documents_.put(kDefragNotes, encode_defrag(notes_));
}

Status Defrag::begin(const PodName& pod, const Access& access) {
  const auto options = access(pod);
  if (!options || !tried_.insert(pod).second) return {};
  TRY(connection, Connection::open(*options));
  return switch_on(pod, connection);
}

Status Defrag::switch_on(const PodName& pod, Connection& connection) {
  TRY(state, read_defrag(connection));
  if (state.on) return {};
  const auto before = notes_;
  notes_.push_back({pod, state.run_id});
  auto done = keep();
  if (done) done = set_defrag(connection, true);
  if (done) return {};
  // After a time-out it may be on: then the note stays.
  if (done.error().code == ErrorCode::kTimeout) return done;
  notes_ = before;
  if (const auto kept = keep(); !kept) log_debug(kept.error().message);  // a note of what is off does no harm
  return done;
}

std::vector<Error> Defrag::end(const Access& access) {
  tried_.clear();
  if (notes_.empty()) return {};
  std::vector<Error> problems;
  std::erase_if(notes_, [&](const DefragNote& note) {
    const auto options = access(note.pod);
    const auto done = options ? put_back(note, *options) : Status();
    if (!done) problems.push_back({done.error().code, note.pod + ": " + done.error().message});
    return done.has_value();
  });
  if (const auto kept = keep(); !kept) problems.push_back(kept.error());
  return problems;
}

Defrag::Access look_access(const Observer& observer) {
  return [&observer](const PodName& pod) -> std::optional<ConnectOptions> {
    if (find_pod(observer.pods(), pod) == nullptr) return std::nullopt;
    return observer.access(pod, kLookName);
  };
}

void end_defrag(Defrag& defrag, const Observer& observer, Reporter& reporter) {
  for (const auto& problem : defrag.end(look_access(observer))) {
    reporter.event("DefragStaysOn",
                   fmt::format("active defragmentation may still be on at {}; CONFIG SET activedefrag no "
                               "puts it back, and so does another run",
                               problem.message));
  }
}

}  // namespace rebalance
