#include "cli/explain_text.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

namespace rebalance {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

const NodeId kGiver(40, 'a');
const NodeId kTaker(40, 'b');

// As the operator writes it and the API server sends it.
json object_in(const std::string& state, const std::string& reason, const std::string& message) {
  return {{"metadata", {{"name", "balance"}, {"namespace", "shop"}, {"uid", "u"}}},
          {"spec",
           {{"cluster", {{"podSelector", {{"matchLabels", {{"app", "redis"}}}}}}},
            {"goal", {{"type", "Balance"}}}}},
          {"status",
           {{"state", state},
            {"conditions",
             {{{"type", "Ready"},
               {"status", "False"},
               {"reason", reason},
               {"message", message},
               {"lastTransitionTime", "2026-01-01T00:00:00Z"}}}},
            {"nodes",
             {{{"pod", "redis-0"},
               {"nodeID", kGiver},
               {"limit", "100Mi"},
               {"used", "60.0Mi"},
               {"rss", "70.0Mi"},
               {"projected", "72.0Mi"},
               {"why", "redis-0 gives 10 slots (1.0Mi) to redis-1: it holds more."}},
              {{"pod", "redis-1"},
               {"nodeID", kTaker},
               {"limit", "100Mi"},
               {"used", "2.0Mi"},
               {"rss", "7.0Mi"},
               {"why", "redis-1 receives 10 slots (1.0Mi) from redis-0: it holds less."}}}},
            {"plan",
             {{"hash", "41d8c3a0b2e67f95"},
              {"pairs",
               {{{"source", "redis-0"},
                 {"target", "redis-1"},
                 {"engine", "KeyByKey"},
                 {"reason", "the servers have no other"}}}}}}}}};
}

Plan kept() {
  Plan plan{.hash = "41d8c3a0b2e67f95"};
  plan.batches = {{0, kGiver, kTaker, SlotSet::parse("10-19").value(), kMiB, 10}};
  plan.engines = {{kGiver, kTaker, Engine::kKeyByKey, "the servers have no other", ""}};
  return plan;
}

Result<Explained> explained(const json& object, const std::optional<Plan>& plan) {
  TRY(stored, decode_stored_rebalance(object.dump()));
  return explained_by(object, stored, plan);
}

void collect(const json& value, std::vector<std::string>& texts) {
  if (value.is_string() && !value.get<std::string>().empty()) texts.push_back(value);
  if (!value.is_structured()) return;
  for (const auto& member : value) collect(member, texts);
}

// Each line of the text says what the document of the same facts holds.
void expect_same_as_json(const Explained& facts, const Question& question, const std::string& text) {
  const auto document = json::parse(explain_json(facts, question).value());
  EXPECT_EQ(document["exitCode"], explained_code(facts.status));
  std::vector<std::string> texts{"Pods", "Engine of each pair", "Each of these would be enough:"};
  collect(document, texts);
  if (facts.status.message.empty()) texts.emplace_back("): ");
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto says = [&](const std::string& each) { return line.ends_with(each); };
    EXPECT_TRUE(line.empty() || std::ranges::any_of(texts, says)) << line << "\n" << document.dump(2);
  }
}

std::string text_of(const Explained& facts, const Question& question = {}) {
  const auto text = explain_text(facts, question).value();
  expect_same_as_json(facts, question, text);
  return text;
}

std::string told(const json& object, const Question& question = {},
                 const std::optional<Plan>& plan = kept()) {
  const auto facts = explained(object, plan);
  if (!facts) return facts.error().message;
  if (const auto text = explain_text(*facts, question); !text) return text.error().message;
  return text_of(*facts, question);
}

const json kWaits = object_in("Waiting", "Window", "outside spec.windows until 02:00");

TEST(ExplainText, SaysWhyItWaitsAndWhyEachPodGivesOrReceives) {
  EXPECT_EQ(
      told(kWaits),
      "Waiting (Window): outside spec.windows until 02:00\n"
      "\nPods\n"
      "  redis-0 gives 10 slots (1.0Mi) to redis-1: it holds more.\n"
      "    It uses 60.0Mi, 70.0Mi resident of a limit of 100.0Mi; at most 72.0Mi, 8.0Mi below its ceiling of "
      "80.0Mi.\n"
      "  redis-1 receives 10 slots (1.0Mi) from redis-0: it holds less.\n"
      "    It uses 2.0Mi, 7.0Mi resident of a limit of 100.0Mi, 73.0Mi below its ceiling of 80.0Mi.\n"
      "\nEngine of each pair\n"
      "  redis-0 -> redis-1: KeyByKey, the servers have no other\n");
}

TEST(ExplainText, ASlotIsFoundInThePlanThatIsKept) {
  EXPECT_THAT(told(kWaits, {.slot = 12}),
              HasSubstr("\nSlot 12 goes from redis-0 to redis-1 in batch 1 of 1.\n"));
  EXPECT_THAT(told(kWaits, {.slot = 12}), HasSubstr("\nredis-0 gives 10 slots "));
  EXPECT_THAT(told(kWaits, {.slot = 20}), HasSubstr("Slot 20 is in no batch of the plan that is kept"));
}

TEST(ExplainText, OnceNoPlanIsKeptThePairsOfTheStatusRemain) {
  EXPECT_EQ(told(kWaits, {}, std::nullopt), told(kWaits));
  EXPECT_THAT(told(kWaits, {.pod = "redis-1"}, std::nullopt),
              HasSubstr("\nredis-0 -> redis-1: KeyByKey, the servers have no other\n"));
}

TEST(ExplainText, ARefusalSaysOnceWhatIsShortAndEachWayOut) {
  auto object = object_in("Refused", "Ceiling", "redis-1 would reach 86.9Mi.");
  object["status"]["plan"]["refusals"] = {
      {{"rule", "Ceiling"},
       {"pod", "redis-1"},
       {"message", "redis-1 would reach 86.9Mi."},
       {"remedies",
        {{{"kind", "RaiseLimit"}, {"message", "A memory limit of 109Mi for redis-1 is enough."}}}}}};
  EXPECT_THAT(told(object, {.pod = "redis-1"}),
              testing::StartsWith("Refused (Ceiling): redis-1 would reach 86.9Mi.\n"
                                  "Each of these would be enough:\n"
                                  "  RaiseLimit: A memory limit of 109Mi for redis-1 is enough.\n"
                                  "redis-1 receives "));
}

TEST(ExplainText, OfAnUnknownPodItNamesThoseThatAreThere) {
  const auto facts = explained(kWaits, std::nullopt).value();
  const auto text = explain_text(facts, {.pod = "redis-7"});
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, ErrorCode::kInvalidInput);
  EXPECT_EQ(text.error().message,
            "pod redis-7 is not part of the cluster; its pods are redis-0 and redis-1.");
  EXPECT_EQ(explain_json(facts, {.pod = "redis-7"}).error().message, text.error().message);
}

TEST(ExplainText, AnObjectThatIsBeingPlannedHasNothingToSayOfPodsYet) {
  json fresh = kWaits;
  fresh.erase("status");
  EXPECT_THAT(told(fresh, {}, std::nullopt), testing::StartsWith("Planning ("));
  EXPECT_THAT(told(fresh, {.pod = "redis-0"}, std::nullopt), HasSubstr("no pod of the cluster is known yet"));
}

TEST(ExplainText, AStatusOfAnotherShapeIsAnError) {
  auto object = kWaits;
  object["status"]["nodes"] = {{{"pod", 7}}};
  EXPECT_THAT(told(object), HasSubstr("the status cannot be read"));
}

TEST(ExplainText, OfFilesItSaysWhatItWouldBeginWithOrWhatStandsInTheWay) {
  Explained facts{
      .status = {.state = State::kCanary, .reason = "Moving", .message = "moving the first 5 slots"}};
  facts.foreseen = true;
  facts.plan = kept();
  EXPECT_THAT(text_of(facts),
              testing::StartsWith(
                  "Nothing stands in the way: plan 41d8c3a0b2e67f95 moves 0 slots and 0 in 1 batches; "
                  "it begins with moving the first 5 slots\n"));
  facts.status = {.state = State::kRefused, .reason = "OpenSlots", .message = "slots 7; repair"};
  facts.findings = {{Severity::kBlocker, "OpenSlots", "redis-0", "slots 7", "repair"}};
  EXPECT_THAT(
      text_of(facts),
      testing::StartsWith("Refused (OpenSlots): slots 7; repair\nOpenSlots: redis-0: slots 7; repair\n"));
}

TEST(ExplainText, AsJsonItIsOneDocumentWithFiguresInBytes) {
  const auto facts = explained(kWaits, kept()).value();
  const auto whole = json::parse(explain_json(facts, {}).value());
  EXPECT_EQ(whole["state"], "Waiting");
  EXPECT_EQ(whole["reason"], "Window");
  EXPECT_EQ(whole["exitCode"], 3);
  EXPECT_EQ(whole["foreseen"], false);
  EXPECT_EQ(whole["plan"]["hash"], "41d8c3a0b2e67f95");
  EXPECT_EQ(whole["plan"]["batches"], 1);
  EXPECT_EQ(whole["plan"]["refusal"], nullptr);
  EXPECT_EQ(whole["pods"][0]["pod"], "redis-0");
  EXPECT_EQ(whole["pods"][0]["limitBytes"], 100 * kMiB);
  EXPECT_EQ(whole["pods"][0]["peakBytes"], 72 * kMiB);
  EXPECT_EQ(whole["engines"][0]["target"], "redis-1");
  const auto slot = json::parse(explain_json(facts, {.slot = 12}).value());
  EXPECT_EQ(slot["slot"], 12);
  EXPECT_EQ(slot["answer"][0], "Slot 12 goes from redis-0 to redis-1 in batch 1 of 1.");
  EXPECT_FALSE(slot.contains("pods"));
}

TEST(ExplainText, EndsAsRunWouldInThatStateAndWithZeroWhileItGoesOn) {
  const std::vector<std::tuple<State, const char*, int>> table = {
      {State::kPlanning, "", 0},        {State::kCanary, "Moving", 0},  {State::kRebalancing, "Moving", 0},
      {State::kVerifying, "", 0},       {State::kObserving, "", 0},     {State::kRollingBack, "", 0},
      {State::kSucceeded, "Done", 0},   {State::kRolledBack, "", 0},    {State::kRefused, "InvalidGoal", 2},
      {State::kRefused, "Ceiling", 3},  {State::kWaiting, "Window", 3}, {State::kPlanStale, "", 3},
      {State::kFailed, "", 4},          {State::kCancelled, "", 5},     {State::kPaused, "", 5},
      {State::kAwaitingApproval, "", 6}};
  for (const auto& [state, reason, code] : table)
    EXPECT_EQ(explained_code({.state = state, .reason = reason}), code) << state_name(state) << " " << reason;
}

}  // namespace
}  // namespace rebalance
