// What a RedisRebalance asks for: the decoded spec, complete with defaults. crds/ holds the schema and its
// defaults; these initialisers repeat them, and a test compares the two.
//
// Bytes are int64 bytes, percents are integers 0..100 (weights: 100 is one share), times are in the unit of
// the name.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/quantity.h"
#include "model/slot_set.h"

namespace rebalance {

struct SecretKeys {
  std::string secret_name;
  std::string username_key = "username";
  std::string password_key = "password";
};

struct TlsSpec {
  std::string secret_name;  // ca.crt, and tls.crt + tls.key for mutual TLS
  std::string server_name;  // what the certificate must name; empty: the pod IP
};

struct PortRef {  // a number, a name, or neither (6379, or the only port)
  int number = 0;
  std::string name;
};

struct ClusterSpec {
  std::map<std::string, std::string> match_labels;
  std::string container;  // empty: the one that exposes the port, else the only one
  PortRef port;
  std::optional<SecretKeys> auth;
  std::optional<TlsSpec> tls;
};

enum class GoalType { kBalance, kDrain, kMove, kRepair };
enum class Metric { kMemory, kSlots, kKeys };

struct Weight {
  std::string pod;
  int weight = 100;
};

struct BalanceGoal {
  Metric metric = Metric::kMemory;
  int tolerance_percent = 5;  // starts only above it, then finishes at half of it
  std::vector<Weight> weights;
};

struct DrainGoal {
  std::vector<std::string> pods;
  std::vector<std::string> node_ids;
};

struct Assignment {
  SlotSet slots;
  std::string to;  // pod
};

struct GoalSpec {
  GoalType type = GoalType::kBalance;
  BalanceGoal balance;
  DrainGoal drain;
  std::vector<Assignment> assignments;
};

enum class OnShortage { kRefuse, kWait, kResize };

struct HeadroomSpec {
  int min_free_percent = 20;
  int high_watermark_percent = 85;
  int flood_watermark_percent = 95;
  int maxmemory_margin_percent = 10;
  std::optional<Bytes> assumed_limit;
  OnShortage on_shortage = OnShortage::kRefuse;
  std::optional<Bytes> resize_max_limit;
};

struct BatchSpec {
  std::optional<int> max_slots;  // absent: 1000; of an atomic migration what the bytes allow
  Bytes max_bytes = 256 * kMiB;
  int pause_seconds = 0;
  std::optional<Bytes> max_bytes_per_second;
  int parallel_pairs = 4;
};

enum class EngineChoice { kAuto, kAtomic, kLiveCopy, kKeyByKey };
enum class BigKeyAction { kMove, kSkipSlot, kRefuse };
enum class HotSlotAction { kMoveLast, kSkipSlot, kIgnore };
enum class ApprovalMode { kAutomatic, kManual, kThreshold };
enum class Requirement { kRequire, kPrefer, kIgnore };
enum class OnFailure { kHold, kRollBack };
enum class Execution { kRun, kPaused, kCancelled, kRollBack, kPlanOnly };

struct BigKeysSpec {
  Bytes threshold = 10 * kMiB;
  BigKeyAction action = BigKeyAction::kMove;
};

struct HotSlotsSpec {
  int share_percent = 15;
  HotSlotAction action = HotSlotAction::kMoveLast;
};

struct ColdKeysSpec {
  int idle_seconds = 2592000;
  bool remove = false;  // action: Delete
  bool list_names = false;
};

struct CanarySpec {
  int slots = 50;
  int observe_seconds = 30;
  int max_latency_increase_percent = 50;
  int max_error_percent = 0;
};

struct ApprovalSpec {
  ApprovalMode mode = ApprovalMode::kThreshold;
  int slots = 1000;
  Bytes bytes = 10 * kGiB;
  std::string plan_hash;
};

struct Window {
  std::vector<std::string> days;
  std::string start, end, time_zone = "UTC";
};

struct SafetySpec {
  Requirement replicas = Requirement::kRequire;
  int min_replicas = 1;
  bool accept_eviction = false;
  bool require_persistence = true;
  Bytes max_replica_lag = 10 * kMiB;
  int max_write_pause_millis = 100;
  int max_latency_millis = 50;
  int coverage_timeout_seconds = 60;
  int max_failures = 5;
};

struct RebalanceSpec {
  ClusterSpec cluster;
  GoalSpec goal;
  HeadroomSpec headroom;
  BatchSpec batch;
  EngineChoice engine = EngineChoice::kAuto;
  bool accept_unsafe_versions = false;
  BigKeysSpec big_keys;
  HotSlotsSpec hot_slots;
  ColdKeysSpec cold_keys;
  bool defrag_during_move = false;
  CanarySpec canary;
  ApprovalSpec approval;
  std::vector<Window> windows;
  SafetySpec safety;
  OnFailure on_failure = OnFailure::kHold;
  Execution execution = Execution::kRun;
  int observe_seconds = 600;
  std::optional<int> ttl_seconds_after_finished;
};

struct RedisRebalance {
  std::string name;
  std::string name_space = "default";
  std::string uid;
  std::int64_t generation = 1;
  RebalanceSpec spec;
  // Flux or Argo CD, which would make it again if it were deleted, and by which label or annotation that is
  // seen; empty: neither.
  std::string git_owner;
  std::string fingerprint;  // of the spec as written, without what only says when and how long
};

}  // namespace rebalance
