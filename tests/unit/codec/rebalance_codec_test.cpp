#include "codec/rebalance_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace rebalance {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::string file_text(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<fs::path> specs(const char* kind) {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(fs::path(SOURCE_FOLDER) / "tests/data/specs" / kind)) {
    paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  return paths;
}

Result<RedisRebalance> decode(const std::string& text) {
  TRY(documents, parse_yaml(text, "rebalance.yaml"));
  return decode_rebalance(documents.at(0), "rebalance.yaml");
}

RebalanceSpec good(const char* name) {
  return decode(file_text(fs::path(SOURCE_FOLDER) / "tests/data/specs/good" / name)).value().spec;
}

// "# path: spec.x" -> "spec.x"
std::string comment(const std::string& text, const std::string& key) {
  const auto start = text.find("# " + key + ": ");
  if (start == std::string::npos) return {};
  const auto from = start + key.size() + 4;
  return text.substr(from, text.find('\n', from) - from);
}

const std::string kHead =
    "apiVersion: redisrebalance.io/v1alpha1\nkind: RedisRebalance\nmetadata: {name: x}\nspec:\n"
    "  cluster: {podSelector: {matchLabels: {app: redis}}}\n";

TEST(RebalanceCodec, TakesEveryGoodSpec) {
  const auto paths = specs("good");
  ASSERT_GE(paths.size(), 6U);
  for (const auto& path : paths) {
    const auto decoded = decode(file_text(path));
    EXPECT_TRUE(decoded) << path << ": " << decoded.error().message;
  }
}

TEST(RebalanceCodec, RefusesEveryBadSpecAtItsPathWithItsSentence) {
  const auto paths = specs("bad");
  ASSERT_GE(paths.size(), 47U);
  for (const auto& path : paths) {
    const auto text = file_text(path);
    const auto decoded = decode(text);
    ASSERT_FALSE(decoded) << path;
    EXPECT_EQ(decoded.error().code, ErrorCode::kInvalidInput);
    EXPECT_TRUE(decoded.error().message.starts_with(comment(text, "path") + " (rebalance.yaml:"))
        << path << ": " << decoded.error().message;
    EXPECT_THAT(decoded.error().message, HasSubstr(comment(text, "sentence"))) << path;
  }
}

TEST(RebalanceCodec, NamesTheLineAndTheNearestFieldOfAMisspeltOne) {
  EXPECT_EQ(decode(kHead + "  batch:\n    maxSlots: 1\n    maxByte: 1Mi\n").error().message,
            "spec.batch.maxByte (rebalance.yaml:8): unknown field; did you mean maxBytes?");
}

TEST(RebalanceCodec, ListsEveryUnknownField) {
  const auto message = decode(kHead + "  engin: Auto\n  goals: {}\n").error().message;
  EXPECT_THAT(message, HasSubstr("spec.engin (rebalance.yaml:6)"));
  EXPECT_THAT(message, HasSubstr("\nspec.goals (rebalance.yaml:7)"));
}

TEST(RebalanceCodec, RefusesAnotherApiVersion) {
  EXPECT_EQ(
      decode("apiVersion: redisrebalance.io/v1\nkind: RedisRebalance\n").error().message,
      "apiVersion (rebalance.yaml:1): must be redisrebalance.io/v1alpha1, not \"redisrebalance.io/v1\"");
}

TEST(RebalanceCodec, DecodesEveryFieldThatAFileCanSet) {
  const auto spec = good("everything.yaml");
  EXPECT_EQ(spec.cluster.match_labels.at("app.kubernetes.io/name"), "shop");
  EXPECT_EQ(spec.cluster.port.name, "redis");
  EXPECT_EQ(spec.cluster.auth.value().username_key, "user");
  EXPECT_EQ(spec.cluster.auth.value().password_key, "password");
  EXPECT_EQ(spec.cluster.tls.value().server_name, "redis.shop.svc");
  EXPECT_EQ(spec.goal.balance.metric, Metric::kKeys);
  EXPECT_EQ(spec.goal.balance.weights.at(0).weight, 200);
  EXPECT_EQ(spec.headroom.assumed_limit, 8 * kGiB);
  EXPECT_EQ(spec.headroom.on_shortage, OnShortage::kWait);
  EXPECT_EQ(spec.batch.max_bytes, 1000000);
  EXPECT_EQ(spec.batch.max_bytes_per_second, 50 * kMiB);
  EXPECT_EQ(spec.engine, EngineChoice::kKeyByKey);
  EXPECT_EQ(spec.big_keys.threshold, kMiB);
  EXPECT_EQ(spec.big_keys.action, BigKeyAction::kSkipSlot);
  EXPECT_EQ(spec.hot_slots.share_percent, 20);
  EXPECT_EQ(spec.hot_slots.action, HotSlotAction::kSkipSlot);
  EXPECT_EQ(spec.cold_keys.idle_seconds, 3600);
  EXPECT_TRUE(spec.cold_keys.remove);
  EXPECT_TRUE(spec.cold_keys.list_names);
  EXPECT_TRUE(spec.defrag_during_move);
  EXPECT_EQ(spec.canary.max_latency_increase_percent, 20);
  EXPECT_EQ(spec.canary.max_error_percent, 1);
  EXPECT_EQ(spec.safety.max_latency_millis, 20);
  EXPECT_EQ(spec.canary.slots, 20);
  EXPECT_EQ(spec.canary.observe_seconds, 5);
  EXPECT_EQ(spec.windows.at(0).days, (std::vector<std::string>{"Sat", "Sun"}));
  EXPECT_EQ(spec.windows.at(0).time_zone, "Europe/Berlin");
  EXPECT_EQ(spec.approval.mode, ApprovalMode::kManual);
  EXPECT_EQ(spec.approval.plan_hash, "sha256:00ff");
  EXPECT_EQ(spec.safety.replicas, Requirement::kPrefer);
  EXPECT_TRUE(spec.safety.accept_eviction);
  EXPECT_FALSE(spec.safety.require_persistence);
  EXPECT_EQ(spec.execution, Execution::kPlanOnly);
  EXPECT_EQ(spec.observe_seconds, 0);
  EXPECT_EQ(spec.ttl_seconds_after_finished, 86400);
}

TEST(RebalanceCodec, HowLongItIsKeptDoesNotMakeItAnotherPieceOfWork) {
  const auto of = [](const std::string& more) { return decode(kHead + more).value().fingerprint; };
  EXPECT_EQ(of("  ttlSecondsAfterFinished: 60\n"), of(""));
  EXPECT_NE(of("  observeSeconds: 60\n"), of(""));
}

TEST(RebalanceCodec, SeesWhoWouldMakeItAgain) {
  const auto owner = [](const std::string& metadata) {
    std::string text = kHead;
    text.replace(text.find("{name: x}"), 9, "{name: x, " + metadata + "}");
    return decode(text).value().git_owner;
  };
  EXPECT_EQ(owner("labels: {kustomize.toolkit.fluxcd.io/name: apps}"),
            "Flux (kustomize.toolkit.fluxcd.io/name: apps)");
  EXPECT_EQ(owner("labels: {helm.toolkit.fluxcd.io/name: apps}"), "Flux (helm.toolkit.fluxcd.io/name: apps)");
  EXPECT_EQ(owner("annotations: {argocd.argoproj.io/tracking-id: \"a:b/c\"}"),
            "Argo CD (argocd.argoproj.io/tracking-id: a:b/c)");
  EXPECT_EQ(owner("labels: {argocd.argoproj.io/instance: shop}"),
            "Argo CD (argocd.argoproj.io/instance: shop)");
  EXPECT_EQ(owner("labels: {app.kubernetes.io/instance: shop}"), "") << "Helm and people set it too";
}

TEST(RebalanceCodec, DecodesTheGoals) {
  EXPECT_EQ(good("drain.yaml").goal.drain.pods, std::vector<std::string>{"redis-5"});
  EXPECT_EQ(good("drain.yaml").goal.drain.node_ids.at(0).size(), 40U);
  EXPECT_EQ(good("move.yaml").goal.assignments.at(0).slots.text(), "0-99,4000");
  EXPECT_EQ(good("repair.yaml").goal.type, GoalType::kRepair);
}

void expect_same(const HeadroomSpec& a, const HeadroomSpec& b) {
  EXPECT_EQ(a.min_free_percent, b.min_free_percent);
  EXPECT_EQ(a.high_watermark_percent, b.high_watermark_percent);
  EXPECT_EQ(a.flood_watermark_percent, b.flood_watermark_percent);
  EXPECT_EQ(a.maxmemory_margin_percent, b.maxmemory_margin_percent);
  EXPECT_EQ(a.assumed_limit, b.assumed_limit);
  EXPECT_EQ(a.on_shortage, b.on_shortage);
  EXPECT_EQ(a.resize_max_limit, b.resize_max_limit);
}

void expect_same(const BatchSpec& a, const BatchSpec& b) {
  EXPECT_EQ(a.max_slots, b.max_slots);
  EXPECT_EQ(a.max_bytes, b.max_bytes);
  EXPECT_EQ(a.pause_seconds, b.pause_seconds);
  EXPECT_EQ(a.max_bytes_per_second, b.max_bytes_per_second);
  EXPECT_EQ(a.parallel_pairs, b.parallel_pairs);
}

void expect_same(const SafetySpec& a, const SafetySpec& b) {
  EXPECT_EQ(a.replicas, b.replicas);
  EXPECT_EQ(a.min_replicas, b.min_replicas);
  EXPECT_EQ(a.accept_eviction, b.accept_eviction);
  EXPECT_EQ(a.require_persistence, b.require_persistence);
  EXPECT_EQ(a.max_replica_lag, b.max_replica_lag);
  EXPECT_EQ(a.max_write_pause_millis, b.max_write_pause_millis);
  EXPECT_EQ(a.max_latency_millis, b.max_latency_millis);
  EXPECT_EQ(a.coverage_timeout_seconds, b.coverage_timeout_seconds);
  EXPECT_EQ(a.max_failures, b.max_failures);
}

void expect_same_rest(const RebalanceSpec& a, const RebalanceSpec& b) {
  EXPECT_EQ(a.engine, b.engine);
  EXPECT_EQ(a.accept_unsafe_versions, b.accept_unsafe_versions);
  EXPECT_EQ(a.big_keys.threshold, b.big_keys.threshold);
  EXPECT_EQ(a.big_keys.action, b.big_keys.action);
  EXPECT_EQ(a.hot_slots.share_percent, b.hot_slots.share_percent);
  EXPECT_EQ(a.hot_slots.action, b.hot_slots.action);
  EXPECT_EQ(a.cold_keys.idle_seconds, b.cold_keys.idle_seconds);
  EXPECT_EQ(a.cold_keys.remove, b.cold_keys.remove);
  EXPECT_EQ(a.cold_keys.list_names, b.cold_keys.list_names);
  EXPECT_EQ(a.defrag_during_move, b.defrag_during_move);
  EXPECT_EQ(a.canary.slots, b.canary.slots);
  EXPECT_EQ(a.canary.observe_seconds, b.canary.observe_seconds);
  EXPECT_EQ(a.canary.max_latency_increase_percent, b.canary.max_latency_increase_percent);
  EXPECT_EQ(a.canary.max_error_percent, b.canary.max_error_percent);
  EXPECT_EQ(a.approval.mode, b.approval.mode);
  EXPECT_EQ(a.approval.slots, b.approval.slots);
  EXPECT_EQ(a.approval.bytes, b.approval.bytes);
  EXPECT_EQ(a.approval.plan_hash, b.approval.plan_hash);
  EXPECT_EQ(a.on_failure, b.on_failure);
  EXPECT_EQ(a.execution, b.execution);
  EXPECT_EQ(a.observe_seconds, b.observe_seconds);
  EXPECT_EQ(a.ttl_seconds_after_finished, b.ttl_seconds_after_finished);
}

TEST(RebalanceCodec, HasTheSameDefaultsInTheSchemaAsInTheProgram) {
  const RebalanceSpec ours;
  const auto schema = schema_defaults();
  expect_same(schema.headroom, ours.headroom);
  expect_same(schema.batch, ours.batch);
  expect_same(schema.safety, ours.safety);
  expect_same_rest(schema, ours);
  EXPECT_EQ(schema.goal.type, ours.goal.type);
  EXPECT_EQ(schema.goal.balance.metric, ours.goal.balance.metric);
  EXPECT_EQ(schema.goal.balance.tolerance_percent, ours.goal.balance.tolerance_percent);
  EXPECT_EQ(schema.cluster.auth.value().username_key, SecretKeys{}.username_key);
  EXPECT_EQ(schema.cluster.auth.value().password_key, SecretKeys{}.password_key);
  EXPECT_EQ(schema.windows.at(0).time_zone, Window{}.time_zone);
}

// The schema states headroom's defaults twice: for the map and for its fields.
TEST(RebalanceCodec, MeansTheSameByAnEmptyMapAndByNone) {
  expect_same(decode(kHead + "  headroom: {}\n").value().spec.headroom, decode(kHead).value().spec.headroom);
  EXPECT_EQ(decode(kHead + "  goal: {}\n").value().spec.goal.type, decode(kHead).value().spec.goal.type);
}

TEST(RebalanceCodec, RefusesHugeTextsWithoutMatchingThem) {
  const auto decoded = decode(kHead + "  batch: {maxBytes: \"" + std::string(1'000'000, '1') + "\"}\n");
  EXPECT_THAT(decoded.error().message, HasSubstr("must have at most 32 characters"));
}

}  // namespace
}  // namespace rebalance
