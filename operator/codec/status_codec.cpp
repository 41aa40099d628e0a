#include "codec/status_codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "api/conditions.h"

namespace rebalance {
namespace {

using nlohmann::json;

// Bounds, which crds/redisrebalances.yaml repeats: together under 256 KiB with the longest pod names there
// are.
constexpr std::size_t kNodesShown = 200;
constexpr std::size_t kReasonsShown = 100;  // why a node gives or receives
constexpr std::size_t kPairsShown = 64;
constexpr std::size_t kNotesShown = 16;
constexpr std::size_t kRemediesShown = 8;
constexpr std::size_t kFailuresShown = 10;
constexpr std::size_t kRaisedShown = 16;
constexpr std::size_t kMessage = 1024;
constexpr std::size_t kSentence = 256;
constexpr std::size_t kName = 253;
constexpr std::int64_t kHighestPercent = 1000;

// At most `most` bytes, cut between characters; what the server's words hold of control characters is blank.
std::string bounded(std::string text, std::size_t most = kMessage) {
  constexpr std::string_view kCut = "...";
  std::ranges::replace_if(text, [](char letter) { return static_cast<unsigned char>(letter) < ' '; }, ' ');
  if (text.size() <= most) return text;
  std::size_t end = most - kCut.size();
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) end--;
  return text.substr(0, end).append(kCut);
}

void put_text(json& out, const char* name, const std::string& text, std::size_t most = kName) {
  if (!text.empty()) out[name] = bounded(text, most);
}

std::string duration_text(double seconds) {
  const auto all = std::llround(std::clamp(seconds, 0.0, 1e9));
  if (all < 60) return fmt::format("{}s", all);
  if (all < 3600) return fmt::format("{}m{:02}s", all / 60, all % 60);
  return fmt::format("{}h{:02}m", all / 3600, all / 60 % 60);
}

std::int64_t percent_of(Bytes part, Bytes whole) {
  if (whole <= 0) return 0;
  const auto percent = 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  return std::clamp<std::int64_t>(static_cast<std::int64_t>(percent), 0, kHighestPercent);
}

std::int64_t rounded_percent(double ratio) {
  return std::isfinite(ratio) ? std::clamp<std::int64_t>(std::llround(ratio), 0, 1'000'000) : 0;
}

const char* status_text(ConditionStatus status) {
  switch (status) {
    case ConditionStatus::kTrue: return "True";
    case ConditionStatus::kFalse: return "False";
    case ConditionStatus::kUnknown: break;
  }
  return "Unknown";
}

json encode(const Condition& condition) {
  return {{"type", condition.type},
          {"status", status_text(condition.status)},
          {"observedGeneration", condition.observed_generation},
          {"lastTransitionTime", condition.last_transition},
          {"reason", bounded(condition.reason, kName)},
          {"message", bounded(condition.message)}};
}

json encode_refusal(const Refusal& refusal) {
  json out = {{"rule", refusal.rule}, {"message", bounded(refusal.sentence)}};
  put_text(out, "pod", refusal.pod);
  if (refusal.short_bytes > 0) out["shortBytes"] = human_bytes(refusal.short_bytes);
  for (const auto& remedy : refusal.remedies) {
    if (out["remedies"].size() == kRemediesShown) break;
    out["remedies"].push_back({{"kind", remedy.kind}, {"message", bounded(remedy.sentence)}});
  }
  return out;
}

// Pods by node id: the plan knows them, and where it was read back after a restart the cluster does.
std::map<NodeId, PodName> pods_of(const StatusDocument& document) {
  std::map<NodeId, PodName> pods;
  for (const auto& row : document.nodes) pods[row.id] = row.pod;
  if (document.status.plan) {
    for (const auto& node : document.status.plan->nodes) pods.try_emplace(node.id, node.pod);
  }
  return pods;
}

PodName pod_of(const std::map<NodeId, PodName>& pods, const NodeId& id) {
  const auto found = pods.find(id);
  return found == pods.end() ? id : found->second;
}

struct PairSum {
  int slots = 0;
  Bytes bytes = 0;
};
using Pair = std::pair<NodeId, NodeId>;

json encode_pair(const Pair& ids, const PairSum& sum, const Plan& plan,
                 const std::map<NodeId, PodName>& pods) {
  json out = {{"source", pod_of(pods, ids.first)},
              {"target", pod_of(pods, ids.second)},
              {"slots", sum.slots},
              {"bytes", human_bytes(sum.bytes)}};
  for (const auto& engine : plan.engines) {
    if (Pair{engine.source, engine.target} != ids) continue;
    out["engine"] = engine_name(engine.engine);
    put_text(out, "reason", engine.why, kSentence);
  }
  return out;
}

// The heaviest pairs first, since those are what the work is.
void put_pairs(json& out, const Plan& plan, const std::map<NodeId, PodName>& pods) {
  std::map<Pair, PairSum> sums;
  for (const auto& batch : plan.batches) {
    auto& sum = sums[{batch.source, batch.target}];
    sum.slots += batch.slots.size();
    sum.bytes += batch.bytes;
  }
  std::vector<std::pair<Pair, PairSum>> pairs(sums.begin(), sums.end());
  std::ranges::stable_sort(pairs, std::ranges::greater{}, [](const auto& pair) { return pair.second.bytes; });
  out["pairsTotal"] = pairs.size();
  pairs.resize(std::min(pairs.size(), kPairsShown));
  for (const auto& [ids, sum] : pairs) out["pairs"].push_back(encode_pair(ids, sum, plan, pods));
}

json encode_plan(const StatusDocument& document) {
  const Plan& plan = *document.status.plan;
  json out = {{"slots", plan.slots},
              {"bytes", human_bytes(plan.bytes)},
              {"bytesErrorPercent", rounded_percent(plan.bytes_error_percent)},
              {"batches", plan.batches.size()},
              {"skewBeforePercent", rounded_percent(100 * plan.skew_before)},
              {"skewAfterPercent", rounded_percent(100 * plan.skew_after)}};
  put_text(out, "hash", plan.hash);
  put_text(out, "approvedHash", document.status.approved_hash);
  put_text(out, "configMap", document.plan_config_map);
  put_pairs(out, plan, pods_of(document));
  if (plan.refusal) out["refusals"].push_back(encode_refusal(*plan.refusal));
  for (const auto& note : plan.notes) {
    if (out["notes"].size() == kNotesShown) break;
    out["notes"].push_back(bounded(note, kSentence));
  }
  return out;
}

// 100 only when it is done: the last bytes of an estimate are no promise.
std::int64_t done_percent(const ProgressFigures& progress) {
  if (progress.slots_done >= progress.slots_total) return 100;
  return std::min<std::int64_t>(99, percent_of(progress.bytes_done, progress.bytes_total));
}

json encode_progress(const ProgressFigures& progress) {
  json out = {{"percent", done_percent(progress)},
              {"slotsDone", progress.slots_done},
              {"slotsTotal", progress.slots_total},
              {"keysDone", progress.keys_done},
              {"keysTotal", progress.keys_total},
              {"bytesDone", human_bytes(progress.bytes_done)},
              {"bytesTotal", human_bytes(progress.bytes_total)},
              {"bytesPerSecond", human_bytes(std::llround(progress.bytes_per_second))}};
  if (progress.eta_seconds) out["eta"] = duration_text(*progress.eta_seconds);
  if (progress.batch) out["batch"] = *progress.batch;
  put_text(out, "lastProgressTime", progress.last_progress_time);
  return out;
}

json encode_node(const NodeRow& row) {
  json out = {{"pod", row.pod},
              {"nodeID", row.id},
              {"used", human_bytes(row.used)},
              {"rss", human_bytes(row.rss)},
              {"peak", human_bytes(row.peak)},
              {"slots", row.slots}};
  if (row.limit > 0) {
    out["limit"] = quantity_text(row.limit);
    out["ceiling"] = human_bytes(row.ceiling);
  }
  if (row.projected) out["projected"] = human_bytes(*row.projected);
  put_text(out, "why", row.why, kSentence);
  return out;
}

// Those that the plan touches, then those that are nearest to their limits; told in the order of pods.
std::vector<NodeRow> shown_nodes(std::vector<NodeRow> nodes) {
  const auto matters = [](const NodeRow& row) {
    return std::pair{row.receives || row.gives, percent_of(row.peak, row.limit)};
  };
  std::ranges::stable_sort(nodes, std::ranges::greater{}, matters);
  nodes.resize(std::min(nodes.size(), kNodesShown));
  for (auto i = kReasonsShown; i < nodes.size(); i++) nodes[i].why.clear();
  std::ranges::sort(nodes, {}, &NodeRow::pod);
  return nodes;
}

void put_nodes(json& out, const std::vector<NodeRow>& nodes) {
  if (nodes.empty()) return;
  out["nodesTotal"] = nodes.size();
  for (const auto& row : shown_nodes(nodes)) out["nodes"].push_back(encode_node(row));
  std::int64_t highest = 0;
  for (const auto& row : nodes) highest = std::max(highest, percent_of(row.peak, row.limit));
  out["peakPercent"] = highest;
}

json encode_raised(const std::vector<LimitRaise>& raised) {
  json rows = json::array();
  for (const auto& raise : raised) {
    if (rows.size() == kRaisedShown) break;
    rows.push_back(
        {{"pod", raise.pod}, {"limit", quantity_text(raise.from)}, {"raisedTo", quantity_text(raise.to)}});
    put_text(rows.back(), "stays", raise.stays, kSentence);
  }
  return rows;
}

json encode_cold(const ColdCount& count) {
  return {{"keys", count.keys}, {"lookedAt", count.looked_at},       {"expired", count.expired},
          {"cold", count.cold}, {"bytes", human_bytes(count.bytes)}, {"deleted", count.deleted}};
}

void put_failures(json& out, const StatusDocument& document) {
  const auto& failures = document.status.failures;
  const auto first = failures.size() - std::min(failures.size(), kFailuresShown);
  for (auto i = first; i < failures.size(); i++) {
    json failure = {{"message", bounded(failures[i].what)}, {"attempt", failures[i].attempt}};
    put_text(failure, "time", failures[i].when);
    if (i + 1 == failures.size()) put_text(failure, "nextTry", document.next_try);
    out["failures"].push_back(std::move(failure));
  }
}

State decode_state(const json& in) {
  const auto name = in.value("state", std::string(state_name(State::kPlanning)));
  const auto state = state_of_name(name);
  if (!state) throw std::invalid_argument(fmt::format("this version does not know the state {}", name));
  return *state;
}

Condition decode_condition(const json& in) {
  Condition condition;
  condition.type = in.at("type").get<std::string>();
  const auto status = in.at("status").get<std::string>();
  condition.status = status == "True"    ? ConditionStatus::kTrue
                     : status == "False" ? ConditionStatus::kFalse
                                         : ConditionStatus::kUnknown;
  condition.reason = in.at("reason").get<std::string>();
  condition.message = in.at("message").get<std::string>();
  condition.observed_generation = in.value("observedGeneration", std::int64_t{0});
  condition.last_transition = in.at("lastTransitionTime").get<std::string>();
  return condition;
}

void decode_failures(const json& in, StatusDocument& document) {
  auto& status = document.status;
  for (const auto& failure : in.value("failures", json::array())) {
    status.failures.push_back({failure.value("message", std::string()), failure.value("attempt", 0),
                               failure.value("time", std::string())});
    status.failure_count = std::max(status.failure_count, status.failures.back().attempt);
    document.next_try = failure.value("nextTry", std::string());
  }
}

StatusDocument decode_document(const json& in) {
  StatusDocument document;
  document.status.state = decode_state(in);
  document.observed_generation = in.value("observedGeneration", std::int64_t{0});
  document.status.execution_started = in.value("executionStarted", std::string());
  document.finished = in.value("finished", std::string());
  document.cluster_name = in.value("clusterName", std::string());
  document.initial_layout = in.value("initialLayout", std::string());
  for (const auto& condition : in.value("conditions", json::array())) {
    document.conditions.push_back(decode_condition(condition));
    if (document.conditions.back().type != "Ready") continue;
    document.status.reason = document.conditions.back().reason;
    document.status.message = document.conditions.back().message;
  }
  const auto plan = in.value("plan", json::object());
  document.plan_hash = plan.value("hash", std::string());
  document.status.approved_hash = plan.value("approvedHash", std::string());
  document.plan_config_map = plan.value("configMap", std::string());
  decode_failures(in, document);
  return document;
}

}  // namespace

std::string encode_status(const StatusDocument& document) {
  const auto& status = document.status;
  json out = {{"state", state_name(status.state)}, {"observedGeneration", document.observed_generation}};
  put_text(out, "executionStarted", status.execution_started);
  put_text(out, "finished", document.finished);
  put_text(out, "clusterName", document.cluster_name);
  put_text(out, "initialLayout", document.initial_layout);
  for (const auto& condition : document.conditions) out["conditions"].push_back(encode(condition));
  if (status.plan) out["plan"] = encode_plan(document);
  if (is_moving(status.state) && status.speed_percent < 100) {
    out["speed"] = {{"percent", status.speed_percent}, {"reason", bounded(status.speed_reason)}};
  }
  if (status.cold_keys) out["coldKeys"] = encode_cold(*status.cold_keys);
  if (document.progress) {
    out["progress"] = encode_progress(*document.progress);
    out["moved"] = human_bytes(document.progress->bytes_done);
  }
  put_nodes(out, document.nodes);
  if (!document.raised.empty()) out["raisedLimits"] = encode_raised(document.raised);
  put_failures(out, document);
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string raised_limits_patch(const std::string& uid, const std::vector<LimitRaise>& raised) {
  const json rows = raised.empty() ? json() : encode_raised(raised);
  return json{{"metadata", {{"uid", uid}}}, {"status", {{"raisedLimits", rows}}}}.dump(
      -1, ' ', false, json::error_handler_t::replace);
}

Result<StatusDocument> decode_status(const std::string& text) {
  try {
    const auto in = json::parse(text);
    if (!in.is_object()) return invalid_input("the status cannot be read: it is no JSON object");
    return decode_document(in);
  } catch (const std::exception& problem) {
    return invalid_input(fmt::format("the status cannot be read: {}", problem.what()));
  }
}

}  // namespace rebalance
