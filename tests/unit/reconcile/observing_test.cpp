// Observing: the figures of the servers against those from before the first slot moved.
#include <functional>

#include "drive.h"

namespace rebalance {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// redis-3 follows redis-2, the target; all is calm unless a test says otherwise.
struct Observed : Drive {
  Observed() {
    resource.spec.observe_seconds = 100;
    resource.spec.goal.type = GoalType::kDrain;
    resource.spec.goal.drain.pods = {"redis-0"};
    scene.observe_asked = true;
    scene.probes = {{"redis-0", 4, 500, 0}, {"redis-2", 4, 500, 0}};
    auto replica = primary(3, "");
    replica.role = Role::kReplica;
    replica.primary = id_of(2);
    scene.world.nodes.push_back(replica);
    for (auto& node : scene.world.nodes) node.uptime_seconds = 1000;
  }
  WorldNode& target() { return scene.world.nodes[2]; }
  // As time goes by: probes are answered.
  void watch(int seconds) {
    for (int i = 0; i < seconds && !is_final(status.state); i++) {
      for (auto& probe : scene.probes) probe.sent += 40;
      once();
    }
  }
  Condition safe() const {
    const auto all = conditions_of(status, {resource.spec, 1, &scene.world, "now"}, {});
    return *std::ranges::find(all, "SafeToDecommission", &Condition::type);
  }
};

TEST(Observing, EndsSafeWhereAllStaysCalm) {
  Observed drive;
  drive.until(State::kObserving);
  const auto since = drive.scene.now;
  drive.watch(99);
  EXPECT_EQ(drive.status.state, State::kObserving);
  EXPECT_EQ(drive.safe().reason, "NotDrained");
  drive.watch(3);
  EXPECT_LE(drive.scene.now - since, std::chrono::seconds(102));
  EXPECT_EQ(drive.status.reason, "Done");
  EXPECT_EQ(drive.safe().status, ConditionStatus::kTrue);
}

struct Worse {
  const char* reason;
  const char* sentence;
  std::function<void(Observed&)> happens, passes;
};

const std::vector<Worse>& what_may_get_worse() {
  static const std::vector<Worse> rows{
      {"ProbesSlower", "redis-0 answers probes in 26.0 ms (p99), where it was 4.0 before",
       [](Observed& of) { of.scene.probes[0].p99_millis = 26; },
       [](Observed& of) { of.scene.probes[0].p99_millis = 5; }},
      {"ProbesUnanswered", "redis-2 did not answer 3 of ",
       [](Observed& of) { of.scene.probes[1].failed += 3; }, [](Observed&) {}},
      {"ReplicaBehind", "redis-3 is 11.0Mi behind its primary, where it was 0 before",
       [](Observed& of) { of.scene.world.nodes[3].lag = 11 * kMiB; },
       [](Observed& of) { of.scene.world.nodes[3].lag = 0; }},
      {"ReplicaBehind", "redis-3 has lost its primary, whom it followed before",
       [](Observed& of) { of.scene.world.nodes[3].in_sync = false; },
       [](Observed& of) { of.scene.world.nodes[3].in_sync = true; }},
      {"MemoryHigh", "redis-2 stands at 420.0Mi, above its ceiling of 409.6Mi, where it was at 2.2Mi before",
       [](Observed& of) { of.target().memory.rss = 420 * kMiB; },
       [](Observed& of) { of.target().memory.rss = 90 * kMiB; }},
      {"MemoryHigh", "redis-2 stands at 300.0Mi, above the plan's prediction of ",
       [](Observed& of) { of.target().memory.rss = 300 * kMiB; },
       [](Observed& of) { of.target().memory.rss = 90 * kMiB; }},
      {"KeysEvicted", "redis-2 evicted keys: 7 in the last 10 s, where it was 0.0 in as long before",
       [](Observed& of) { of.target().memory.evicted_keys += 7; }, [](Observed&) {}},
      {"ConnectionsRejected", "redis-2 rejected connections: 9 in the last 10 s",
       [](Observed& of) { of.target().memory.rejected_connections += 9; }, [](Observed&) {}},
  };
  return rows;
}

TEST(Observing, TellsWhatIsWorseInFiguresAndThatItHasPassed) {
  for (const auto& row : what_may_get_worse()) {
    Observed drive;
    drive.until(State::kObserving);
    drive.watch(3);
    row.happens(drive);
    drive.watch(10);
    EXPECT_EQ(drive.status.state, State::kObserving) << row.sentence;
    EXPECT_EQ(drive.status.reason, "WorseThanBefore") << row.sentence;
    EXPECT_EQ(drive.safe().status, ConditionStatus::kFalse);
    EXPECT_EQ(drive.safe().reason, row.reason);
    EXPECT_THAT(drive.safe().message, HasSubstr(row.sentence));
    row.passes(drive);
    drive.watch(11);
    EXPECT_EQ(drive.status.reason, "Observing") << drive.status.message;
    EXPECT_EQ(drive.safe().reason, "NotDrained");
    drive.watch(100);
    EXPECT_EQ(drive.safe().status, ConditionStatus::kTrue) << row.sentence;
  }
}

// Nothing is compared between two looks: one that a person would look at, not each moment.
TEST(Observing, LooksATenthOfTheTimeApartAndAMinuteAtTheMost) {
  for (const auto& [seconds, apart] : {std::pair(20, 5), std::pair(100, 10), std::pair(6000, 60)}) {
    Observed drive;
    drive.resource.spec.observe_seconds = seconds;
    drive.until(State::kObserving);
    drive.scene.probes[0].p99_millis = 26;
    drive.watch(apart - 1);
    EXPECT_EQ(drive.status.reason, "Observing") << seconds;
    drive.watch(1);
    EXPECT_EQ(drive.status.reason, "WorseThanBefore") << seconds;
  }
}

TEST(Observing, WhatIsWorseAtTheEndIsGivenAsLongAgain) {
  Observed drive;
  drive.until(State::kObserving);
  drive.watch(95);
  drive.scene.probes[0].p99_millis = 26;
  drive.watch(20);
  EXPECT_EQ(drive.status.state, State::kObserving);
  drive.scene.probes[0].p99_millis = 4;
  drive.watch(11);
  EXPECT_EQ(drive.status.reason, "Done");
  EXPECT_EQ(drive.safe().status, ConditionStatus::kTrue);
}

TEST(Observing, WhatDoesNotPassEndsInNobodyBeingToldThatItIsSafe) {
  Observed drive;
  drive.until(State::kObserving);
  drive.scene.probes[0].p99_millis = 26;
  drive.watch(198);
  EXPECT_EQ(drive.status.state, State::kObserving);
  drive.watch(5);
  EXPECT_EQ(drive.status.state, State::kSucceeded);
  EXPECT_EQ(drive.status.reason, "WorseThanBefore");
  EXPECT_THAT(drive.status.message, HasSubstr("26.0 ms"));
  EXPECT_EQ(drive.safe().status, ConditionStatus::kFalse);
  EXPECT_EQ(drive.safe().reason, "ProbesSlower");
  drive.status.regression.reset();  // as a process that comes later finds it
  EXPECT_EQ(drive.safe().reason, "WorseThanBefore");
}

TEST(Observing, WhatWasSoBeforeTheMoveIsNotHeldAgainstIt) {
  Observed drive;
  drive.scene.probes[0].p99_millis = 60;
  drive.resource.spec.safety.max_latency_millis = 100;
  drive.scene.world.nodes[1].memory.evicted_keys = 5000;  // five a second
  drive.scene.world.nodes[3].lag = 12 * kMiB;
  drive.until(State::kObserving);
  for (int i = 0; i < 60; i++) {
    drive.scene.world.nodes[1].memory.evicted_keys += 6;
    drive.watch(1);
    EXPECT_EQ(drive.status.reason, "Observing") << drive.status.message;
  }
}

TEST(Observing, AServerThatStartedAnewCountsFromZero) {
  Observed drive;
  drive.target().memory.rejected_connections = 40;
  drive.until(State::kObserving);
  drive.target().run_id = "life-2";
  drive.target().memory.rejected_connections = 0;
  drive.watch(11);
  EXPECT_EQ(drive.status.reason, "Observing") << drive.status.message;
}

TEST(Baseline, IsTakenBeforeTheFirstSlotMoves) {
  Observed drive;
  drive.scene.probes[1].sent = 39;
  drive.until(State::kRebalancing);
  drive.once();
  EXPECT_EQ(drive.status.reason, "ProbingLatency");
  EXPECT_EQ(count<StartBatch>(drive.last), 0);
  drive.scene.probes[1].sent = 40;
  EXPECT_GT(count<StartBatch>(drive.once()), 0);
}

TEST(Baseline, OfAProcessThatComesInTheMiddleIsOfThenAndSaysSo) {
  Observed drive;
  drive.resource.spec.batch.max_slots = 1000;
  drive.until_batch();
  drive.complete(drive.first_batch());
  drive.status.state = State::kPlanning;
  drive.notebook = {};
  drive.scene.ended.clear();
  drive.scene.probes[0].p99_millis = 9;
  drive.until(State::kObserving);
  drive.scene.probes[0].p99_millis = 26;
  drive.watch(10);
  EXPECT_THAT(drive.status.message, HasSubstr("in 26.0 ms (p99), where it was 9.0 when it went on"));
}

}  // namespace
}  // namespace rebalance
