#include "codec/rebalance_codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/fnv.h"
#include "codec/schema.h"

namespace rebalance {
namespace {

using nlohmann::json;

// The readers below see only what the schema let pass, so what they ask for is there and fits.

int number(const json& map, const char* name) { return map.at(name).get<int>(); }
std::string text(const json& map, const char* name) { return map.value(name, std::string()); }

Bytes bytes(const json& quantity) {
  return quantity.is_string() ? parse_quantity(quantity.get_ref<const std::string&>()).value_or(0)
                              : quantity.get<Bytes>();
}

std::optional<Bytes> optional_bytes(const json& map, const char* name) {
  if (!map.contains(name)) return std::nullopt;
  return bytes(map.at(name));
}

std::vector<std::string> texts(const json& map, const char* name) {
  return map.value(name, std::vector<std::string>());
}

// The enumerator whose word stands there; words are in the enumerators' order.
template <typename Enum>
Enum choice(const json& map, const char* name, std::initializer_list<std::string_view> words) {
  const auto& word = map.at(name).get_ref<const std::string&>();
  return static_cast<Enum>(std::ranges::find(words, word) - words.begin());
}

ClusterSpec decode_cluster(const json& from) {
  ClusterSpec cluster;
  cluster.match_labels = from.at("podSelector").at("matchLabels").get<std::map<std::string, std::string>>();
  cluster.container = text(from, "container");
  if (const auto port = from.find("port"); port != from.end()) {
    if (port->is_string()) cluster.port.name = *port;
    if (port->is_number()) cluster.port.number = *port;
  }
  if (const auto auth = from.find("auth"); auth != from.end()) {
    cluster.auth =
        SecretKeys{text(*auth, "secretName"), text(*auth, "usernameKey"), text(*auth, "passwordKey")};
  }
  if (const auto tls = from.find("tls"); tls != from.end()) {
    cluster.tls = TlsSpec{text(*tls, "secretName"), text(*tls, "serverName")};
  }
  return cluster;
}

BalanceGoal decode_balance(const json& from) {
  BalanceGoal balance;
  balance.metric = choice<Metric>(from, "metric", {"Memory", "Slots", "Keys"});
  balance.tolerance_percent = number(from, "tolerancePercent");
  for (const auto& weight : from.value("weights", json::array())) {
    balance.weights.push_back({text(weight, "pod"), number(weight, "weight")});
  }
  return balance;
}

Result<GoalSpec> decode_goal(const json& from) {
  GoalSpec goal;
  goal.type = choice<GoalType>(from, "type", {"Balance", "Drain", "Move", "Repair"});
  if (from.contains("balance")) goal.balance = decode_balance(from.at("balance"));
  if (from.contains("drain"))
    goal.drain = {texts(from.at("drain"), "pods"), texts(from.at("drain"), "nodeIDs")};
  if (!from.contains("move")) return goal;
  for (const auto& assignment : from.at("move").at("assignments")) {
    TRY(slots, SlotSet::parse(text(assignment, "slots")));
    goal.assignments.push_back({slots, text(assignment, "to")});
  }
  return goal;
}

HeadroomSpec decode_headroom(const json& from) {
  HeadroomSpec headroom;
  headroom.min_free_percent = number(from, "minFreePercent");
  headroom.high_watermark_percent = number(from, "highWatermarkPercent");
  headroom.flood_watermark_percent = number(from, "floodWatermarkPercent");
  headroom.maxmemory_margin_percent = number(from, "maxmemoryMarginPercent");
  headroom.assumed_limit = optional_bytes(from, "assumedLimit");
  headroom.on_shortage = choice<OnShortage>(from, "onShortage", {"Refuse", "Wait", "Resize"});
  if (from.contains("resize")) headroom.resize_max_limit = optional_bytes(from.at("resize"), "maxLimit");
  return headroom;
}

BatchSpec decode_batch(const json& from) {
  BatchSpec batch;
  if (from.contains("maxSlots")) batch.max_slots = number(from, "maxSlots");
  batch.max_bytes = bytes(from.at("maxBytes"));
  batch.pause_seconds = number(from, "pauseSeconds");
  batch.max_bytes_per_second = optional_bytes(from, "maxBytesPerSecond");
  batch.parallel_pairs = number(from, "parallelPairs");
  return batch;
}

ApprovalSpec decode_approval(const json& from) {
  return {choice<ApprovalMode>(from, "mode", {"Automatic", "Manual", "Threshold"}), number(from, "slots"),
          bytes(from.at("bytes")), text(from, "planHash")};
}

SafetySpec decode_safety(const json& from) {
  SafetySpec safety;
  safety.replicas = choice<Requirement>(from, "replicas", {"Require", "Prefer", "Ignore"});
  safety.min_replicas = number(from, "minReplicas");
  safety.accept_eviction = text(from, "eviction") == "Accept";
  safety.require_persistence = text(from, "persistence") == "Require";
  safety.max_replica_lag = bytes(from.at("maxReplicaLagBytes"));
  safety.max_write_pause_millis = number(from, "maxWritePauseMillis");
  safety.max_latency_millis = number(from, "maxLatencyMillis");
  safety.coverage_timeout_seconds = number(from, "coverageTimeoutSeconds");
  safety.max_failures = number(from, "maxFailures");
  return safety;
}

std::vector<Window> decode_windows(const json& from) {
  std::vector<Window> windows;
  for (const auto& window : from) {
    windows.push_back(
        {texts(window, "days"), text(window, "start"), text(window, "end"), text(window, "timeZone")});
  }
  return windows;
}

void decode_keys_and_slots(const json& from, RebalanceSpec& spec) {
  const auto& big = from.at("bigKeys");
  spec.big_keys = {bytes(big.at("thresholdBytes")),
                   choice<BigKeyAction>(big, "action", {"Move", "SkipSlot", "Refuse"})};
  const auto& hot = from.at("hotSlots");
  spec.hot_slots = {number(hot, "sharePercent"),
                    choice<HotSlotAction>(hot, "action", {"MoveLast", "SkipSlot", "Ignore"})};
  const auto& cold = from.at("coldKeys");
  spec.cold_keys = {number(cold, "idleSeconds"), text(cold, "action") == "Delete",
                    text(cold, "listNames") == "Always"};
  const auto& canary = from.at("canary");
  spec.canary = {number(canary, "slots"), number(canary, "observeSeconds"),
                 number(canary, "maxLatencyIncreasePercent"), number(canary, "maxErrorPercent")};
}

Result<RebalanceSpec> decode_spec(const json& from) {
  RebalanceSpec spec;
  spec.cluster = decode_cluster(from.at("cluster"));
  TRY(goal, decode_goal(from.at("goal")));
  spec.goal = goal;
  spec.headroom = decode_headroom(from.at("headroom"));
  spec.batch = decode_batch(from.at("batch"));
  spec.engine = choice<EngineChoice>(from, "engine", {"Auto", "Atomic", "LiveCopy", "KeyByKey"});
  spec.accept_unsafe_versions = text(from, "unsafeVersions") == "Accept";
  decode_keys_and_slots(from, spec);
  spec.defrag_during_move = text(from, "activeDefrag") == "DuringMove";
  spec.approval = decode_approval(from.at("approval"));
  spec.windows = decode_windows(from.at("windows"));
  spec.safety = decode_safety(from.at("safety"));
  spec.on_failure = choice<OnFailure>(from, "onFailure", {"Hold", "RollBack"});
  spec.execution =
      choice<Execution>(from, "execution", {"Run", "Paused", "Cancelled", "RollBack", "PlanOnly"});
  spec.observe_seconds = number(from, "observeSeconds");
  if (from.contains("ttlSecondsAfterFinished"))
    spec.ttl_seconds_after_finished = number(from, "ttlSecondsAfterFinished");
  return spec;
}

std::unexpected<Error> refuse(const std::vector<Violation>& violations, const YamlNode& node,
                              const std::string& source) {
  std::vector<std::string> lines;
  for (const auto& [path, message] : violations) {
    lines.push_back(fmt::format("{} ({}:{}): {}", path.empty() ? "RedisRebalance" : path, source,
                                line_of(node, path), message));
  }
  return invalid_input(fmt::format("{}", fmt::join(lines, "\n")));
}

// A range that runs backwards is the one thing that the schema lets pass and the decoder does not.
std::vector<Violation> backward_ranges(const json& spec) {
  std::vector<Violation> found;
  const auto assignments = spec.value(json::json_pointer("/goal/move/assignments"), json::array());
  for (std::size_t i = 0; i < assignments.size(); ++i) {
    const auto slots = SlotSet::parse(text(assignments[i], "slots"));
    if (slots) continue;
    found.push_back({fmt::format("spec.goal.move.assignments[{}].slots", i), slots.error().message});
  }
  return found;
}

std::optional<Violation> wrong_head(const YamlNode& node) {
  constexpr auto kVersion = "redisrebalance.io/v1alpha1";
  const auto version = node.text_at({"apiVersion"});
  if (version != kVersion)
    return Violation{"apiVersion", fmt::format("must be {}, not \"{}\"", kVersion, version)};
  const auto name = node.text_at({"metadata", "name"});
  if (name.empty()) return Violation{"metadata.name", "is missing"};
  return std::nullopt;
}

// What each of them writes on all that it applies. Argo CD's older app.kubernetes.io/instance is no sign:
// Helm and people set it as well.
std::string git_owner(const YamlNode& node) {
  constexpr std::array<std::array<const char*, 3>, 4> kMarks{
      {{"Flux", "labels", "kustomize.toolkit.fluxcd.io/name"},
       {"Flux", "labels", "helm.toolkit.fluxcd.io/name"},
       {"Argo CD", "annotations", "argocd.argoproj.io/tracking-id"},
       {"Argo CD", "labels", "argocd.argoproj.io/instance"}}};
  for (const auto& [tool, where, name] : kMarks) {
    const auto value = node.text_at({"metadata", where, name});
    if (!value.empty()) return fmt::format("{} ({}: {})", tool, name, value);
  }
  return {};
}

RedisRebalance decode_head(const YamlNode& node) {
  RedisRebalance object;
  object.name = node.text_at({"metadata", "name"});
  object.uid = node.text_at({"metadata", "uid"});
  if (auto space = node.text_at({"metadata", "namespace"}); !space.empty())
    object.name_space = std::move(space);
  if (const auto* generation = node.at({"metadata", "generation"})) object.generation = generation->integer;
  object.git_owner = git_owner(node);
  return object;
}

// Approving or pausing does not make it another piece of work, nor does how long it is kept.
std::string fingerprint(json spec) {
  for (const char* member : {"approval", "execution", "ttlSecondsAfterFinished"}) spec.erase(member);
  return fmt::format("{:016x}", fnv1a(spec.dump()));
}

}  // namespace

bool is_rebalance(const YamlNode& node) { return node.text_at({"kind"}) == "RedisRebalance"; }

Result<RedisRebalance> decode_rebalance(const YamlNode& node, const std::string& source) {
  const auto& schema = rebalance_schema();
  if (const auto wrong = wrong_head(node)) return refuse({*wrong}, node, source);
  if (const auto unknown = unknown_fields(node, schema); !unknown.empty())
    return refuse(unknown, node, source);
  auto value = json_of(node);
  apply_defaults(value, schema);
  if (const auto mismatch = first_mismatch(value, schema)) return refuse({*mismatch}, node, source);
  if (const auto backward = backward_ranges(value.at("spec")); !backward.empty())
    return refuse(backward, node, source);

  RedisRebalance object = decode_head(node);
  TRY(spec, decode_spec(value.at("spec")));
  object.spec = spec;
  object.fingerprint = fingerprint(value.at("spec"));
  if (const auto broken = broken_rules(spec, paths_of(node)); !broken.empty())
    return refuse(broken, node, source);
  return object;
}

void prepare_schema() {
  const auto& schema = rebalance_schema();
  static_cast<void>(first_mismatch(json::object(), schema));
}

RebalanceSpec schema_defaults() {
  json value = {{"spec", {{"cluster", {{"podSelector", {{"matchLabels", json::object()}}}}}}}};
  value["spec"]["goal"] = {{"balance", json::object()}};
  value["spec"]["windows"] = json::array({{{"days", json::array()}, {"start", ""}, {"end", ""}}});
  value["spec"]["cluster"]["auth"] = {{"secretName", ""}};
  apply_defaults(value, rebalance_schema());
  return decode_spec(value.at("spec")).value_or(RebalanceSpec{});
}

}  // namespace rebalance
