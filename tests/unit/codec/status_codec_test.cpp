#include "codec/status_codec.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/conditions.h"
#include "codec/schema.h"

namespace rebalance {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr const char* kTime = "2026-01-01T00:00:00Z";

NodeRow row_of(int number, const std::string& pod) {
  NodeRow row{pod, fmt::format("{:040x}", number), kGiB, kGiB * 8 / 10, kGiB * 85 / 100, kGiB * 95 / 100};
  row.base = row.rss = row.peak = 700 * kMiB + number;
  row.used = 600 * kMiB + number;
  row.slots = 16;
  return row;
}

// Two pods in the middle of a plan of two pairs, after one failure.
StatusDocument moving() {
  StatusDocument document;
  auto& status = document.status;
  status = {
      State::kRebalancing, "Moving", "moving slots over 1 pairs", Plan{}, "e3e0b82cf17907f4", {}, 0, {}};
  status.execution_started = kTime;
  status.plan->hash = "e3e0b82cf17907f4";
  status.plan->slots = 30;
  status.plan->bytes = 30 * kMiB;
  status.plan->bytes_error_percent = 1.6;
  status.plan->skew_before = 1.43;
  status.plan->skew_after = 1.02;
  const auto a = fmt::format("{:040x}", 0), b = fmt::format("{:040x}", 1);
  status.plan->batches = {{0, a, b, SlotSet::parse("0-9").value(), 10 * kMiB, 10},
                          {1, a, b, SlotSet::parse("10-29").value(), 20 * kMiB, 20}};
  status.plan->engines = {{a, b, Engine::kKeyByKey, "the servers offer no other", ""}};
  status.failures = {{"redis-1: LOADING", 1, kTime}};
  status.failure_count = 1;
  document.observed_generation = 3;
  document.cluster_name = "shop";
  document.plan_config_map = "add-shard-4-plan";
  document.next_try = "2026-01-01T00:00:02Z";
  document.progress = ProgressFigures{10, 30, 10, 30, 10 * kMiB, 30 * kMiB, 1e6, 200.4, 1, kTime};
  document.status.cold_keys = ColdCount{100, 90, 3, 12, kMiB, 11};
  document.nodes = {row_of(0, "redis-0"), row_of(1, "redis-1")};
  document.nodes[0].gives = document.nodes[1].receives = true;
  document.nodes[1].projected = 750 * kMiB;
  document.nodes[1].why = "redis-1 receives 30 slots (30.0Mi)";
  document.conditions = conditions_of(status, {RebalanceSpec{}, 3, nullptr, kTime}, {});
  return document;
}

json encoded(const StatusDocument& document) { return json::parse(encode_status(document)); }

// What the API server would prune or refuse of it.
void expect_fits_the_schema(const std::string& status) {
  const auto& schema = rebalance_schema().at("properties").at("status");
  const auto mismatch = first_mismatch(json::parse(status), schema);
  EXPECT_FALSE(mismatch) << mismatch->path << ": " << mismatch->message;
  for (const auto& unknown : unknown_fields(parse_yaml(status, "status").value().front(), schema))
    ADD_FAILURE() << unknown.path << ": " << unknown.message;
}

TEST(StatusCodec, ShowsWhatPeopleLookFor) {
  const auto status = encoded(moving());
  EXPECT_EQ(status["state"], "Rebalancing");
  EXPECT_EQ(status["clusterName"], "shop");
  EXPECT_EQ(status["moved"], "10.0Mi");
  EXPECT_EQ(status["peakPercent"], 68);
  EXPECT_EQ(status["progress"]["percent"], 33);
  EXPECT_EQ(status["coldKeys"], json({{"keys", 100},
                                      {"lookedAt", 90},
                                      {"expired", 3},
                                      {"cold", 12},
                                      {"bytes", "1.0Mi"},
                                      {"deleted", 11}}));
  EXPECT_EQ(status["progress"]["eta"], "3m20s");
  EXPECT_EQ(status["plan"]["skewBeforePercent"], 143);
  EXPECT_EQ(status["nodes"][1]["projected"], "750.0Mi");
  EXPECT_EQ(status["nodes"][1]["why"], "redis-1 receives 30 slots (30.0Mi)");
  EXPECT_EQ(status["nodes"][1]["limit"], "1Gi");
  EXPECT_EQ(status["failures"][0]["nextTry"], "2026-01-01T00:00:02Z");
}

TEST(StatusCodec, SumsTheBatchesOfAPairAndNamesItsPods) {
  const auto pairs = encoded(moving())["plan"]["pairs"];
  ASSERT_EQ(pairs.size(), 1U);
  EXPECT_EQ(pairs[0], (json{{"source", "redis-0"},
                            {"target", "redis-1"},
                            {"engine", "KeyByKey"},
                            {"reason", "the servers offer no other"},
                            {"slots", 30},
                            {"bytes", "30.0Mi"}}));
}

TEST(StatusCodec, FitsTheSchemaInEveryState) {
  expect_fits_the_schema(encode_status({}));
  for (const auto state : kAllStates) {
    auto document = moving();
    document.status.state = state;
    document.conditions = conditions_of(document.status, {RebalanceSpec{}, 3, nullptr, kTime}, {});
    expect_fits_the_schema(encode_status(document));
  }
}

TEST(StatusCodec, ARefusalCarriesItsRemedies) {
  auto document = moving();
  document.status.plan->batches.clear();
  document.status.plan->refusal = Refusal{"Ceiling",
                                          "redis-1",
                                          3 * kMiB,
                                          "it does not fit",
                                          {{"RaiseLimit", "redis-1", {}, kGiB, {}, "raise it"}}};
  const auto refusal = encoded(document)["plan"]["refusals"][0];
  EXPECT_EQ(refusal["shortBytes"], "3.0Mi");
  EXPECT_EQ(refusal["remedies"][0]["kind"], "RaiseLimit");
  expect_fits_the_schema(encode_status(document));
}

TEST(StatusCodec, ShowsTheLimitsThatAreRaisedInPlace) {
  auto document = moving();
  EXPECT_FALSE(encoded(document).contains("raisedLimits"));
  document.raised = {{"redis-1", 118 * kMiB, 128 * kMiB, "uid", ""}};
  const auto rows = encoded(document)["raisedLimits"];
  EXPECT_EQ(rows, json::parse(R"([{"pod": "redis-1", "limit": "118Mi", "raisedTo": "128Mi"}])"));
  expect_fits_the_schema(encode_status(document));
  const auto patch = json::parse(raised_limits_patch("uid-7", document.raised));
  EXPECT_EQ(patch["status"]["raisedLimits"], rows);
  EXPECT_EQ(patch["metadata"]["uid"], "uid-7");
  EXPECT_TRUE(json::parse(raised_limits_patch("uid-7", {}))["status"]["raisedLimits"].is_null());
}

TEST(StatusCodec, IsAHundredPercentOnlyWhenAllSlotsHaveMoved) {
  auto document = moving();
  document.progress->bytes_done = 31 * kMiB;  // more than was estimated
  EXPECT_EQ(encoded(document)["progress"]["percent"], 99);
  document.progress->slots_done = 30;
  EXPECT_EQ(encoded(document)["progress"]["percent"], 100);
}

TEST(StatusCodec, ShowsAnEtaAsPeopleSayIt) {
  auto document = moving();
  for (const auto& [seconds, text] : std::vector<std::pair<double, const char*>>{
           {0, "0s"}, {59.4, "59s"}, {60, "1m00s"}, {7500, "2h05m"}}) {
    document.progress->eta_seconds = seconds;
    EXPECT_EQ(encoded(document)["progress"]["eta"], text);
  }
  document.progress->eta_seconds.reset();
  EXPECT_FALSE(encoded(document)["progress"].contains("eta"));
}

// A thousand nodes, each a pair of its own, with names as long as Kubernetes allows and talkative servers.
StatusDocument huge() {
  auto document = moving();
  auto& status = document.status;
  document.nodes.clear();
  status.plan->batches.clear();
  status.plan->engines.clear();
  for (int i = 0; i < 1000; i++) {
    document.nodes.push_back(row_of(i, fmt::format("{:x>249}{:04}", "", i)));
    document.nodes.back().why = std::string(5000, '"');
    const auto& id = document.nodes.back().id;
    const auto other = fmt::format("{:040x}", (i + 1) % 1000);
    status.plan->batches.push_back({i, id, other, SlotSet::parse(std::to_string(i)).value(), i * kMiB, i});
    status.plan->engines.push_back({id, other, Engine::kKeyByKey, std::string(5000, '"'), ""});
    status.plan->notes.emplace_back(5000, '\\');
    status.failures.push_back({std::string(100'000, '"'), i + 1, kTime});
  }
  status.message = std::string(100'000, '\\');
  for (const auto& node : document.nodes)
    document.raised.push_back({node.pod, 100 * kMiB, 128 * kMiB, "", std::string(5000, '"')});
  document.conditions = conditions_of(status, {RebalanceSpec{}, 3, nullptr, kTime}, {});
  return document;
}

TEST(StatusCodec, AThousandNodesStayUnder256KiB) {
  const auto text = encode_status(huge());
  EXPECT_LT(text.size(), 256U * 1024);
  expect_fits_the_schema(text);
  const auto status = json::parse(text);
  EXPECT_EQ(status["nodesTotal"], 1000);
  EXPECT_EQ(status["plan"]["pairsTotal"], 1000);
  EXPECT_EQ(status["failures"].back()["attempt"], 1000);
}

TEST(StatusCodec, OfManyNodesThoseThatThePlanTouchesAndTheFullestAreShown) {
  auto document = huge();
  document.nodes[3].peak = document.nodes[3].base = kMiB;
  document.nodes[3].receives = true;
  document.nodes[500].peak = kGiB;
  document.nodes[501].peak = kMiB;
  const auto nodes = encoded(document)["nodes"];
  std::vector<std::string> pods;
  for (const auto& node : nodes) pods.push_back(node["pod"]);
  EXPECT_TRUE(std::ranges::is_sorted(pods));
  EXPECT_EQ(std::ranges::count(pods, document.nodes[3].pod), 1);
  EXPECT_EQ(std::ranges::count(pods, document.nodes[500].pod), 1);
  EXPECT_EQ(std::ranges::count(pods, document.nodes[501].pod), 0);
  EXPECT_EQ(encoded(document)["peakPercent"], 100);
}

TEST(StatusCodec, CutsWhatServersSayBetweenCharacters) {
  auto document = moving();
  document.status.failures[0].what = "a\tb\x01" + std::string(1016, 'x') + "\u20ac\u20ac\u20ac";
  const auto message = encoded(document)["failures"][0]["message"].get<std::string>();
  EXPECT_LE(message.size(), 1024U);
  EXPECT_TRUE(message.starts_with("a b x")) << message.substr(0, 8);
  EXPECT_TRUE(message.ends_with("x...")) << message.substr(1000);
}

TEST(StatusCodec, GivesBackWhatARestartNeeds) {
  const auto before = moving();
  const auto after = decode_status(encode_status(before));
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_EQ(after->status.state, State::kRebalancing);
  EXPECT_EQ(after->status.reason, "Moving");
  EXPECT_EQ(after->status.message, before.status.message);
  EXPECT_EQ(after->conditions, before.conditions);
  EXPECT_EQ(after->plan_hash, "e3e0b82cf17907f4");
  EXPECT_EQ(after->status.approved_hash, "e3e0b82cf17907f4");
  EXPECT_EQ(after->status.execution_started, kTime);
  EXPECT_EQ(after->observed_generation, 3);
  EXPECT_EQ(after->plan_config_map, "add-shard-4-plan");
  EXPECT_EQ(after->status.failure_count, 1);
  ASSERT_EQ(after->status.failures.size(), 1U);
  EXPECT_EQ(after->status.failures[0].what, "redis-1: LOADING");
  EXPECT_EQ(after->next_try, before.next_try);
}

TEST(StatusCodec, NeverTakesTheSummaryOfAPlanForThePlan) {
  EXPECT_FALSE(decode_status(encode_status(moving()))->status.plan);
}

TEST(StatusCodec, AStatusThatWasNeverWrittenIsThatOfANewObject) {
  const auto status = decode_status("{}");
  ASSERT_TRUE(status);
  EXPECT_EQ(status->status.state, State::kPlanning);
  EXPECT_TRUE(status->conditions.empty() && status->plan_hash.empty());
}

TEST(StatusCodec, RefusesWhatIsNoStatusOfThisVersion) {
  for (const char* bad : {"", "[]", "{", R"({"state": 3})", R"({"state": "Dreaming"})",
                          R"({"conditions": [{"type": "Ready"}]})", R"({"plan": "x"})"}) {
    const auto status = decode_status(bad);
    ASSERT_FALSE(status) << bad;
    EXPECT_EQ(status.error().code, ErrorCode::kInvalidInput);
    EXPECT_THAT(status.error().message, HasSubstr("status"));
  }
}

}  // namespace
}  // namespace rebalance
