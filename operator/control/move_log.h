// What a rebalance leaves behind for people and for a way back: who owned what before the first slot moved,
// and each batch that ended. Not thread-safe.
#pragma once

#include <string>

#include "base/clock.h"
#include "control/report.h"
#include "kube/document_store.h"
#include "model/initial_layout.h"

namespace rebalance {

inline constexpr const char* kLayout = "layout.json";
inline constexpr const char* kMoves = "moves.log";

class MoveLog {
 public:
  // `documents` must outlive it.
  explicit MoveLog(DocumentStore& documents) : documents_(documents) {}

  // Before the first slot of a plan moves. `again`: slots have moved before, so what is there stands.
  Status begin(const InitialLayout& layout, bool again);
  // A line, kept here until flush(); the oldest go when the log is longer than 64 KiB.
  void add(const BatchReport& batch, const World& world, const std::string& when);
  // Writes what is new, at most each five seconds unless it is the `last` time.
  Status flush(Instant now, bool last);

 private:
  DocumentStore& documents_;
  std::string text_;
  bool dirty_ = false;
  Instant written_;
};

}  // namespace rebalance
