// spec.coldKeys: what was not used for long in the slots that move is counted before they do, and deleted
// where that is asked for and allowed. Each slot of a source once, also after a crash.
//
// Thread-safe: batches look at their slots side by side.
#pragma once

#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "api/spec.h"
#include "base/clock.h"
#include "codec/cold_keys_codec.h"
#include "kube/document_store.h"
#include "migrate/runner.h"

namespace rebalance {

inline constexpr const char* kColdKeys = "cold-keys.json";

class ColdKeyBook {
 public:
  // `documents` must outlive it.
  ColdKeyBook(DocumentStore& documents, ColdKeysSpec spec) : documents_(documents), spec_(spec) {}

  Status recall();  // what an earlier process noted
  void clear();     // another plan begins

  // Blocking, in the thread of a batch, before its first slot is opened. That slots are about to lose keys is
  // durable before they do. What cannot be known is a problem, and no reason not to move.
  void look(const PodName& source, const SlotSet& slots, const ConnectOptions& access, Gate& gate,
            std::stop_token stop);

  std::vector<std::string> take_problems();  // sentences, once for each pod
  std::optional<ColdCount> count() const;    // of all slots that were looked through; nothing: none yet
  Status flush(Instant now, bool last);  // writes what is new, at most each five seconds, or the last time

 private:
  Status begin(const PodName& source, const SlotSet& slots);
  Status search(const PodName& source, const SlotSet& slots, const ConnectOptions& access, Gate& gate,
                std::stop_token stop, ColdCount& count);
  void end(const PodName& source, const SlotSet& slots, const ColdCount& count, const Status& how);
  void note_names(const PodName& source, const std::vector<std::string>& keys);
  Status write();  // mutex_ held

  DocumentStore& documents_;
  const ColdKeysSpec spec_;
  mutable std::mutex mutex_;  // of all below
  ColdPods pods_;
  std::size_t names_size_ = 0;
  std::set<PodName> unknown_;
  std::vector<std::string> problems_;
  bool dirty_ = false;
  Instant written_;
};

}  // namespace rebalance
