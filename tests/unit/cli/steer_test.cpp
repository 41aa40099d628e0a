#include "cli/steer.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace rebalance {
namespace {

using nlohmann::json;
using testing::HasSubstr;

json object_in(const std::string& state, const std::string& execution = "", bool begun = false) {
  json object = {
      {"metadata", {{"name", "balance"}, {"namespace", "shop"}, {"resourceVersion", "77"}}},
      {"spec", json::object()},
      {"status",
       {{"state", state},
        {"conditions", {{{"type", "Ready"}, {"reason", "Why"}, {"message", "in a sentence"}}}},
        {"plan", {{"hash", "41d8c3a0b2e67f95"}, {"slots", 40}, {"bytes", "1.5Mi"}, {"batches", 2}}}}}};
  if (!execution.empty()) object["spec"]["execution"] = execution;
  if (begun) object["status"]["executionStarted"] = "2026-01-01T00:00:00Z";
  return object;
}

std::string execution_set_by(Command control, const json& object) {
  const auto wanted = steering(control, object, "");
  return wanted ? json::parse(wanted->patch).at("spec").value("execution", "none") : wanted.error().message;
}

TEST(Steering, SetsTheFieldThatTheControlStandsFor) {
  EXPECT_EQ(execution_set_by(Command::kPause, object_in("Rebalancing")), "Paused");
  EXPECT_EQ(execution_set_by(Command::kResume, object_in("Paused", "Paused")), "Run");
  EXPECT_EQ(execution_set_by(Command::kCancel, object_in("Rebalancing")), "Cancelled");
  EXPECT_EQ(execution_set_by(Command::kRollBack, object_in("Rebalancing", "", true)), "RollBack");
  EXPECT_EQ(execution_set_by(Command::kRollBack, object_in("Succeeded", "", true)), "RollBack");
}

TEST(Steering, APatchIsGoodForTheVersionThatWasLookedAtAndTouchesNothingElse) {
  const auto wanted = steering(Command::kPause, object_in("Rebalancing"), "");
  ASSERT_TRUE(wanted);
  EXPECT_EQ(json::parse(wanted->patch),
            json({{"metadata", {{"resourceVersion", "77"}}}, {"spec", {{"execution", "Paused"}}}}));
}

TEST(Steering, AnApprovalNamesThePlanThatWaits) {
  const auto wanted = steering(Command::kApprove, object_in("AwaitingApproval"), "");
  ASSERT_TRUE(wanted) << wanted.error().message;
  EXPECT_EQ(json::parse(wanted->patch).at("spec"), json({{"approval", {{"planHash", "41d8c3a0b2e67f95"}}}}));
  EXPECT_EQ(wanted->said, "balance: plan 41d8c3a0b2e67f95 is approved: 40 slots, 1.5Mi");
  EXPECT_TRUE(steering(Command::kApprove, object_in("AwaitingApproval"), "41d8c3a0b2e67f95"));
}

TEST(Steering, WhatMeansNothingInAStateIsRefusedWithASentence) {
  struct Row {
    Command control;
    json object;
    const char* sentence;
  };
  const std::vector<Row> table = {
      {Command::kApprove, object_in("Rebalancing"), "balance is Rebalancing: no plan waits for approval"},
      {Command::kPause, object_in("Succeeded"), "balance is Succeeded: there is nothing to pause"},
      {Command::kPause, object_in("Paused", "Paused"), "it was paused before"},
      {Command::kResume, object_in("Rebalancing"), "its execution is Run, not Paused"},
      {Command::kResume, object_in("Cancelled", "Cancelled"), "there is nothing to resume; make a new one"},
      {Command::kCancel, object_in("Failed"), "there is nothing to cancel"},
      {Command::kRollBack, object_in("AwaitingApproval"), "no slot has moved yet"},
      {Command::kRollBack, object_in("RollingBack", "RollBack", true), "it is on its way back already"},
      {Command::kRollBack, object_in("Cancelled", "Cancelled", true), "that is final; make a new one"},
      {Command::kRollBack, object_in("RolledBack", "RollBack", true), "that is final; make a new one"}};
  for (const auto& row : table) {
    const auto wanted = steering(row.control, row.object, "");
    ASSERT_FALSE(wanted) << row.sentence;
    EXPECT_EQ(wanted.error().code, ErrorCode::kConflict);
    EXPECT_THAT(wanted.error().message, HasSubstr(row.sentence));
  }
}

TEST(Steering, AnApprovalOfAnotherPlanThanTheOneThatWaitsIsRefused) {
  const auto wanted = steering(Command::kApprove, object_in("AwaitingApproval"), "0000000000000000");
  ASSERT_FALSE(wanted);
  EXPECT_THAT(wanted.error().message, HasSubstr("its plan is 41d8c3a0b2e67f95 by now: look at it again"));
}

TEST(Steering, EndsAsRunWould) {
  const std::vector<std::pair<const char*, std::optional<int>>> table = {
      {"Succeeded", 0}, {"RolledBack", 0}, {"Refused", 3},           {"PlanStale", 3},
      {"Failed", 4},    {"Cancelled", 5},  {"Rebalancing", {}},      {"Paused", {}},
      {"Waiting", {}},  {"Planning", {}},  {"AwaitingApproval", {}}, {"StateOfALaterVersion", {}}};
  for (const auto& [state, code] : table) EXPECT_EQ(exit_code_of(object_in(state)), code) << state;
}

TEST(Steering, ShowsHowFarItIsAndWhatWentWrong) {
  auto object = object_in("Rebalancing", "", true);
  object["status"]["progress"] = {
      {"percent", 42},         {"slotsDone", 10},           {"slotsTotal", 40}, {"bytesDone", "600Ki"},
      {"bytesTotal", "1.5Mi"}, {"bytesPerSecond", "300Ki"}, {"eta", "3s"}};
  object["status"]["nodes"] = {{{"pod", "redis-0"}, {"limit", "118Mi"}, {"peak", "73.4Mi"}, {"slots", 4102}}};
  object["status"]["failures"] = {{{"attempt", 1}, {"time", "noon"}, {"message", "connection refused"}}};
  EXPECT_EQ(progress_line(object),
            "Rebalancing (Why): in a sentence; 10 of 40 slots, 600Ki of 1.5Mi, 300Ki/s, 3s left");
  const auto text = object_text(object, {});
  for (const char* part :
       {"shop/balance  Rebalancing (Why)", "Plan 41d8c3a0b2e67f95: 40 slots, 1.5Mi, 2 batches",
        "redis-0  118Mi", "Failure 1 at noon: connection refused"})
    EXPECT_THAT(text, HasSubstr(part));
  EXPECT_THAT(list_text({object}, false, {}),
              testing::MatchesRegex("NAME.*\nbalance .*Rebalancing  Why .*42 %.*\n"));
  EXPECT_THAT(list_text({object}, true, {}), testing::MatchesRegex("NAMESPACE .*\nshop .*\n"));
}

TEST(Steering, AnObjectWithoutAStatusIsBeingPlanned) {
  const json fresh = {{"metadata", {{"name", "new"}, {"namespace", "shop"}}}, {"spec", json::object()}};
  EXPECT_THAT(list_text({fresh}, false, {}), HasSubstr("Planning"));
  EXPECT_THAT(object_text(fresh, {}), HasSubstr("shop/new  Planning"));
}

}  // namespace
}  // namespace rebalance
