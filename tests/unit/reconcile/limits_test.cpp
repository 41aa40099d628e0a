// Limits that are raised in place: before the first batch, and back afterwards.
#include "reconcile/limits.h"

#include "drive.h"

namespace rebalance {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr Bytes kOld = 80 * kMiB;

// The empty primary can hold its share in the end, and not what comes on top of it meanwhile.
struct Tight : Drive {
  Tight() {
    resource.spec.headroom.on_shortage = OnShortage::kResize;
    resource.spec.headroom.resize_max_limit = kGiB;
    auto& node = tight();
    node.limit = node.resize.wanted = node.resize.actual = kOld;
  }
  WorldNode& tight() { return scene.world.nodes[2]; }
  void kubelet_says(const std::string& state, const std::string& message = "") {
    tight().resize.state = state;
    tight().resize.message = message;
  }
  void make_real() {
    tight().limit = tight().resize.actual = tight().resize.wanted;
    kubelet_says("");
  }
  // Until the raise was asked for.
  void ask() {
    for (int i = 0; i < 5 && scene.raised.empty(); i++) once(), obey();
    ASSERT_THAT(scene.raised, SizeIs(1)) << status.message;
  }
};

TEST(RaiseLimits, ComesAfterTheClaimAndBeforeTheFirstBatch) {
  Tight drive;
  drive.once();
  EXPECT_EQ(count<RaiseLimits>(drive.last), 0) << "the claim first";
  drive.ask();
  for (int look = 0; look < 100; look++) {
    drive.once();
    EXPECT_EQ(drive.status.state, State::kWaiting);
    EXPECT_EQ(drive.status.reason, "Resizing");
    EXPECT_EQ(count<StartBatch>(drive.last), 0);
  }
  EXPECT_THAT(drive.status.message,
              AllOf(HasSubstr("from 80Mi to "), HasSubstr("80Mi is real"), HasSubstr("not said anything")));
  drive.make_real();
  EXPECT_EQ(drive.until_final(), State::kSucceeded) << drive.status.message;
}

TEST(RaiseLimits, NeedsTheStatusOfThePodNotItsSpecAlone) {
  Tight drive;
  drive.ask();
  drive.tight().limit = drive.tight().resize.wanted;
  drive.tight().resize.actual = 0;  // a kubelet that tells nothing of it
  drive.once();
  EXPECT_EQ(drive.status.reason, "Resizing");
}

TEST(RaiseLimits, IsWaitedForWhileTheKubeletDefersIt) {
  Tight drive;
  drive.ask();
  drive.kubelet_says("Deferred", "Node didn't have enough resource: memory");
  for (int look = 0; look < 300; look++) drive.once(), drive.obey();
  EXPECT_EQ(drive.status.state, State::kWaiting);
  EXPECT_THAT(drive.status.message, HasSubstr("Deferred: Node didn't have enough resource: memory"));
  drive.make_real();
  EXPECT_EQ(drive.until_final(), State::kSucceeded) << drive.status.message;
}

TEST(RaiseLimits, IsGivenUpWhereItIsInfeasibleForLongerThanAKubeletTakesToLook) {
  Tight drive;
  drive.ask();
  drive.kubelet_says("Infeasible", "Node didn't have enough capacity");
  drive.once();
  EXPECT_EQ(drive.status.state, State::kWaiting);
  EXPECT_EQ(drive.until_final(), State::kRefused);
  EXPECT_EQ(drive.status.reason, "CannotResize");
  EXPECT_THAT(drive.status.message, HasSubstr("Infeasible: Node didn't have enough capacity"));
}

TEST(RaiseLimits, OfAMissingRightItSaysSoAndAsksAgain) {
  Tight drive;
  while (count<RaiseLimits>(drive.once()) == 0) drive.obey();
  drive.scene.raise_error = Error{ErrorCode::kRefused, "forbidden"};
  drive.once();
  EXPECT_EQ(drive.status.state, State::kWaiting);
  EXPECT_EQ(drive.status.reason, "CannotResize");
  EXPECT_THAT(drive.status.message, HasSubstr("forbidden"));
  EXPECT_EQ(count<RaiseLimits>(drive.last), 1);
  drive.scene.raise_error.reset();
  drive.obey();
  drive.make_real();
  EXPECT_EQ(drive.until_final(), State::kSucceeded) << drive.status.message;
}

TEST(RaiseLimits, WhatTheApiServerWillNeverTakeIsRefused) {
  Tight drive;
  while (count<RaiseLimits>(drive.once()) == 0) drive.obey();
  drive.scene.raise_error = Error{ErrorCode::kInvalidInput, "Pod QOS Class may not change"};
  EXPECT_EQ(drive.until_final(), State::kRefused);
  EXPECT_EQ(drive.status.reason, "CannotResize");
}

TEST(RaiseLimits, TheSuccessorOfAKilledProcessPlansTheSame) {
  Tight drive;
  drive.resource.spec.approval.mode = ApprovalMode::kManual;
  drive.once();
  ASSERT_EQ(drive.status.state, State::kAwaitingApproval);
  drive.resource.spec.approval.plan_hash = drive.status.plan->hash;
  drive.ask();
  drive.make_real();
  drive.status = {};
  drive.notebook = {};
  drive.scene.claim_held = false;
  EXPECT_EQ(drive.until_final(), State::kSucceeded) << drive.status.message;
}

TEST(RaiseLimits, TheWayBackMayNeedThemToo) {
  Tight drive;
  for (auto& node : drive.scene.world.nodes) node.allow_replica_migration = false;
  drive.ask();
  drive.make_real();
  ASSERT_EQ(drive.until_final(), State::kSucceeded) << drive.status.message;
  for (auto& node : drive.scene.world.nodes) {  // memory as it is by now, and limits that are tight for it
    node.memory.used = node.slots.size() * kSlotBytes + 2 * kMiB;
    node.memory.rss = node.memory.used * 108 / 100;
  }
  drive.scene.raised.clear();
  auto& first = drive.scene.world.nodes[0];
  const Bytes at_home = 8192 * kSlotBytes + 2 * kMiB;
  first.limit = first.resize.wanted = first.resize.actual = at_home * 108 / 80 + 2 * kMiB;
  drive.status = {};
  drive.resource.spec.execution = Execution::kRollBack;
  for (int i = 0; i < 20 && drive.status.reason != "Resizing"; i++) drive.once(), drive.obey();
  EXPECT_EQ(drive.status.state, State::kRollingBack) << drive.status.message;
  ASSERT_EQ(drive.status.reason, "Resizing") << drive.status.message;
  first.limit = first.resize.actual = first.resize.wanted;
  EXPECT_EQ(drive.until_final(), State::kRolledBack) << drive.status.message;
}

// More came than the estimate said, so that the last batches have no room.
struct Short : Tight {
  Short() {
    resource.spec.batch.max_bytes = 8 * kMiB;
    resource.spec.batch.parallel_pairs = 1;
    ask();
    make_real();
    until(State::kRebalancing);
    raised_to = tight().resize.wanted;
    while (remaining_slots() > 1000) once(), obey();
    grow_to(tight().limit / 100 * 75);
  }
  int remaining_slots() const {
    int slots = 0;
    for (const auto& batch : status.plan->batches) slots += remaining(batch, scene.world).size();
    return slots;
  }
  void grow_to(Bytes bytes) { tight().memory.used = bytes * 100 / 108, tight().memory.rss = bytes; }
  Bytes raised_to = 0;
};

TEST(RaiseFurther, InTheMiddleOfAMoveTheLimitGoesUpOnceMore) {
  Short drive;
  drive.grow_to(kOld * 74 / 100);  // what comes now would take it over the raised ceiling
  drive.tight().limit = drive.tight().resize.wanted = drive.tight().resize.actual = kOld;
  for (int i = 0; i < 5 && drive.status.reason != "Resizing"; i++) drive.once(), drive.obey();
  EXPECT_EQ(drive.status.state, State::kRebalancing) << drive.status.message;
  ASSERT_EQ(drive.status.reason, "Resizing") << drive.status.message;
  EXPECT_GT(drive.tight().resize.wanted, kOld);
  drive.once();
  EXPECT_EQ(count<StartBatch>(drive.last), 0) << "it is not real yet";
  drive.make_real();
  EXPECT_EQ(drive.until_final(), State::kSucceeded) << drive.status.message;
}

TEST(RaiseFurther, NotWhereItCouldNeverGoBack) {
  Short drive;
  drive.grow_to(drive.raised_to * 79 / 100);
  EXPECT_EQ(drive.until_final(), State::kFailed);
  EXPECT_EQ(drive.status.reason, "Ceiling");
  EXPECT_THAT(drive.status.message, HasSubstr("at the end it would hold"));
}

TEST(PutBack, IsAskedForAsSoonAsTheMoveIsVerified) {
  Tight drive;
  drive.scene.observe_asked = true;
  drive.ask();
  drive.make_real();
  drive.until(State::kObserving);
  EXPECT_EQ(count<PutBackLimits>(drive.once()), 1);
  drive.scene.raised.clear();
  EXPECT_EQ(count<PutBackLimits>(drive.once()), 0);
}

using Verb = WayBack::Verb;

struct BackRow {
  const char* name;
  Bytes wanted, actual, rss;  // MiB
  Verb verb;
  const char* why = "";
  const char* uid = "uid-1";
};

void PrintTo(const BackRow& row, std::ostream* out) { *out << row.name; }

class PutBackTable : public testing::TestWithParam<BackRow> {};

// From 100Mi to 128Mi: 85Mi may be held at rest.
TEST_P(PutBackTable, HasAVerbForIt) {
  const auto& row = GetParam();
  World world;
  world.nodes = {primary(0, "0-99")};
  world.nodes[0].aof_enabled = false;
  world.nodes[0].memory.rss = row.rss * kMiB;
  PodState pod;
  pod.name = "redis-0";
  pod.uid = row.uid;
  pod.resize.wanted = row.wanted * kMiB;
  pod.resize.actual = row.actual * kMiB;
  const auto ways = ways_back({{"redis-0", 100 * kMiB, 128 * kMiB, "uid-1", ""}}, {pod}, world, {});
  ASSERT_THAT(ways, SizeIs(1));
  EXPECT_EQ(ways[0].verb, row.verb) << ways[0].why;
  EXPECT_THAT(ways[0].why, HasSubstr(row.why));
}

INSTANTIATE_TEST_SUITE_P(
    Rows, PutBackTable,
    testing::Values(BackRow{"MemoryAllows", 128, 128, 90, Verb::kPutBack, "holds 90"},
                    BackRow{"MemoryDoesNot", 128, 128, 91, Verb::kWait, "lets it hold 90"},
                    BackRow{"NeverReal", 128, 100, 99, Verb::kPutBack, "never real"},
                    BackRow{"KubeletTellsNothing", 128, 0, 99, Verb::kPutBack, "never real"},
                    BackRow{"HalfWayRaised", 110, 110, 91, Verb::kWait, "lets it hold"},
                    BackRow{"OnItsWay", 100, 128, 50, Verb::kWait, "128Mi is real still"},
                    BackRow{"Back", 100, 100, 50, Verb::kForget, "back at 100Mi"},
                    BackRow{"SetHigherByOthers", 256, 256, 50, Verb::kForget, "somebody else"},
                    BackRow{"SetLowerByOthers", 90, 90, 50, Verb::kForget, "somebody else"},
                    BackRow{"AnotherPod", 128, 128, 50, Verb::kForget, "another pod", "uid-2"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(PutBack, APodThatIsGoneIsForgottenAndOneThatDoesNotAnswerIsWaitedFor) {
  const std::vector<LimitRaise> raised{{"redis-0", 100 * kMiB, 128 * kMiB, "uid-1", ""}};
  EXPECT_EQ(ways_back(raised, {}, {}, {}).front().verb, Verb::kForget);
  PodState pod;
  pod.name = "redis-0";
  pod.uid = "uid-1";
  pod.resize.wanted = pod.resize.actual = 128 * kMiB;
  EXPECT_EQ(ways_back(raised, {pod}, {}, {}).front().verb, Verb::kWait);
}

}  // namespace
}  // namespace rebalance
