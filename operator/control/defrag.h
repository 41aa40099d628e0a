// spec.activeDefrag: DuringMove. What gives slots away defragments itself meanwhile, and is put back.
//
// Intent before effect: which servers were switched on is in a document before they are, so that a crash
// leaves none of them as it is: the next run of the same resource puts them back. One thread.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "codec/defrag_codec.h"
#include "control/observer.h"
#include "control/report.h"
#include "kube/document_store.h"
#include "redis/connection.h"

namespace rebalance {

inline constexpr const char* kDefragNotes = "defrag.json";

class Defrag {
 public:
  // How the server of a pod is reached; nothing: there is no such pod any more.
  using Access = std::function<std::optional<ConnectOptions>(const PodName&)>;

  // `documents` must outlive it.
  explicit Defrag(DocumentStore& documents) : documents_(documents) {}

  Status recall();  // what an earlier process left

  // Switches it on, once for each pod until end(); what has it on already is left alone. kRefused: the server
  // cannot, or our user may not.
  Status begin(const PodName& pod, const Access& access);

  // Puts back what was switched on. A server that is another process by now, or has it off, needs nothing;
  // one that does not answer is tried again by the next call. The errors name the pods.
  std::vector<Error> end(const Access& access);

  bool all_put_back() const { return notes_.empty(); }

 private:
  Status keep();
  Status switch_on(const PodName& pod, Connection& connection);
  DocumentStore& documents_;
  std::vector<DefragNote> notes_;
  std::set<PodName> tried_;
};

// By the pods that `observer` knows; it must outlive what is returned.
Defrag::Access look_access(const Observer& observer);

// end(), and what could not be put back is told.
void end_defrag(Defrag& defrag, const Observer& observer, Reporter& reporter);

}  // namespace rebalance
