// What the tests of migrate/ share: a job between two nodes of a test cluster, and hooks that only keep
// records.
#pragma once

#include <atomic>
#include <fstream>
#include <functional>
#include <iterator>
#include <mutex>
#include <vector>

#include "migrate/runner.h"
#include "rig/cluster.h"

namespace rebalance {

class OpenGate : public Gate {
 public:
  std::function<Status()> ask = [] { return Status{}; };
  Status may_write() override {
    ++asked;
    return ask();
  }
  std::function<Status()> ask_to_clear = [this] { return ask(); };
  Status may_clear() override { return ask_to_clear(); }
  std::atomic<int> asked = 0;
};

class MemoryLog : public IntentLog {
 public:
  Status open(const MoveIntent& intent) override {
    const std::scoped_lock guard(mutex_);
    intents_.push_back(intent);
    return {};
  }
  Status begin(const NodeId& source, const NodeId& target, const SlotSet& slots) override {
    const std::scoped_lock guard(mutex_);
    for (auto& intent : intents_) {
      if (intent.source == source && intent.target == target && intent.slots.overlaps(slots))
        intent.begun = true;
    }
    return {};
  }
  Status close(const NodeId& source, const NodeId& target, const SlotSet& slots) override {
    const std::scoped_lock guard(mutex_);
    for (auto& intent : intents_) {
      if (intent.source == source && intent.target == target) intent.slots.remove(slots);
    }
    std::erase_if(intents_, [](const MoveIntent& intent) { return intent.slots.empty(); });
    return {};
  }
  std::vector<MoveIntent> intents() const override {
    const std::scoped_lock guard(mutex_);
    return intents_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<MoveIntent> intents_;
};

class OnProgress : public ProgressSink {
 public:
  std::function<void(const PairProgress&)> act = [](const PairProgress&) {};
  void progress(const PairProgress& progress) override { act(progress); }
};

struct TestHooks {
  OpenGate gate;
  MemoryLog intents;
  Ownership ownership;
  OnProgress progress;
  Hooks hooks() { return {gate, intents, ownership, progress}; }
};

inline std::string file_text(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// As a pod of the cluster would be reached; credentials and certificates are those of the rig's client.
inline Member member(const rig::TestCluster& cluster, int index) {
  const auto at = cluster.node(index).endpoint();
  Access access{at.user, at.password, !at.ca.empty(), {}, {}, {}, {}};
  if (access.tls) {
    access.ca = file_text(at.ca);
    access.certificate = file_text(at.certificate);
    access.key = file_text(at.key);
  }
  ConnectOptions options;
  options.endpoint = {at.host, at.port};
  options.access = [access] { return Result<Access>(access); };
  const auto role =
      cluster.command(index, {"ROLE"}).elements.at(0).text == "master" ? Role::kPrimary : Role::kReplica;
  return {cluster.node_id(index), "pod-" + std::to_string(index), role, options};
}

inline BatchJob job(const rig::TestCluster& cluster, int source, int target, const SlotSet& slots,
                    Bytes bytes = 0) {
  BatchJob job{Batch{0, cluster.node_id(source), cluster.node_id(target), slots, bytes, 0},
               member(cluster, source),
               member(cluster, target),
               {},
               {},
               {}};
  for (int index = 0; index < cluster.size(); ++index) {
    if (index != source && index != target) job.others.push_back(member(cluster, index));
  }
  job.options.node_timeout = Millis(cluster.node(source).options().node_timeout_ms);
  return job;
}

inline std::string why(const BatchResult& result) { return result.error ? result.error->message : ""; }

inline SlotSet slots(const std::string& text) { return SlotSet::parse(text).value(); }

inline SlotSet range(int first, int last) {
  SlotSet set;
  set.add(SlotRange{static_cast<Slot>(first), static_cast<Slot>(last)});
  return set;
}

// Name of the i-th key of a slot: a hash tag is searched that lands there.
inline std::string key_in(int slot, int i) {
  for (int tag = 0;; ++tag) {
    const auto text = std::to_string(tag);
    if (rig::key_slot("{" + text + "}") == slot) return "{" + text + "}:" + std::to_string(i);
  }
}

}  // namespace rebalance
