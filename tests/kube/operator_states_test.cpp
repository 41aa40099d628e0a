// Each state in which a RedisRebalance stays for a while, reached on a real API server and left by each
// control: pause and resume, cancel, rollback, deletion; and by a kill of the operator, whose successor finds
// it there again.
#include "api/conditions.h"
#include "kube/operator_rig.h"

namespace rebalance {
namespace {

class OperatorStates;

struct Way {
  const char* state;
  std::string spec;                           // lines below spec
  void (*arrive)(OperatorStates&) = nullptr;  // where the spec alone does not lead there
  const char* resumed = state;                // after a pause
};
void PrintTo(const Way& way, std::ostream* out) { *out << way.state; }

// Slow enough to be met in the middle for half a minute.
constexpr const char* kTrickle = "engine: KeyByKey\nbatch: {maxBytesPerSecond: 8Ki}\n";
constexpr const char* kNobodyApproves = "approval: {mode: Manual}\n";

class OperatorStates : public OperatorTest, public testing::WithParamInterface<Way> {
 public:
  OperatorStates() { rig::write_node(api_); }
  void ask(const std::string& execution) {
    api_.merge(path(name_), R"({"spec": {"execution": ")" + execution + R"("}})");
  }
  void await_slots() {
    const auto claimed = [&] { return rig::slots_claimed_by(cluster_, 3); };
    ASSERT_TRUE(rig::wait_until([&, before = claimed()] { return claimed() > before + 10; }, kSoon))
        << told(name_);
  }
  // A person approves a plan, for whose target there is less memory by then.
  void approve_too_late() {
    ASSERT_TRUE(reaches("AwaitingApproval", kSoon, name_)) << told(name_);
    const auto hash = api_.field(path(name_), "/status/plan/hash").value_or("");
    resize(48LL << 20);
    api_.merge(path(name_), R"({"spec": {"approval": {"planHash": ")" + hash + R"("}}})");
  }
  void restart_a_server() {
    await_slots();
    cluster_.node(3).restart();
  }
  void resize(std::int64_t limit) {
    rig::resize(api_, space_, "redis-3", limit);
    rig::set_running_limit(api_, space_, "redis-3", limit);
  }

 protected:
  // The next hundred slots, so that there is always something to do.
  void arrive() {
    name_ = "rebalance-" + std::to_string(++made_);
    const int first = made_ * 100;
    resize(64LL << 20);
    ASSERT_NO_THROW(cluster_.wait_until_agreed());
    rig::apply_rebalance(
        api_, cluster_,
        {.name = name_,
         .name_space = space_,
         .goal = move_of(std::to_string(first) + "-" + std::to_string(first + 99), "redis-3"),
         .spec = kAlone + GetParam().spec});
    if (GetParam().arrive != nullptr) {
      ASSERT_NO_FATAL_FAILURE(GetParam().arrive(*this));
    }
    is(GetParam().state);
  }
  void is(const std::string& state) {
    ASSERT_TRUE(reaches(state, kSoon, name_)) << "not " << state << ": " << told(name_) << running_->said();
  }
  // The lease of the one that was killed runs out first.
  bool leads() const {
    return rig::wait_until([&] { return asked(*running_, "/readyz").find("ok") != std::string::npos; },
                           kSoon);
  }

  std::unique_ptr<Started> running_ = start();
  std::string name_;
  int made_ = 0;
};

INSTANTIATE_TEST_SUITE_P(
    All, OperatorStates,
    testing::Values(
        Way{.state = "AwaitingApproval", .spec = kNobodyApproves},
        Way{.state = "Waiting", .spec = kAtOnce + window_later()},
        Way{.state = "Paused",
            .spec = std::string(kAtOnce) + kTrickle,
            .arrive = [](OperatorStates& test) { test.await_slots(), test.ask("Paused"); },
            .resumed = "Rebalancing"},
        Way{.state = "Canary", .spec = std::string(kAtOnce) + "canary: {slots: 5, observeSeconds: 600}\n"},
        Way{.state = "Rebalancing", .spec = std::string(kAtOnce) + kTrickle},
        Way{.state = "Observing", .spec = std::string(kAtOnce) + "observeSeconds: 600\n"},
        Way{.state = "RollingBack",
            .spec = std::string(kAtOnce) + kTrickle,
            .arrive = [](OperatorStates& test) { test.await_slots(), test.ask("RollBack"); }},
        Way{.state = "Succeeded", .spec = std::string(kAtOnce) + "observeSeconds: 0\n"},
        Way{.state = "Refused", .spec = "headroom: {minFreePercent: 90}\n" + std::string(kAtOnce)},
        Way{.state = "PlanStale",
            .spec = kNobodyApproves,
            .arrive = [](OperatorStates& test) { test.approve_too_late(); }},
        Way{.state = "Failed",
            .spec = std::string(kAtOnce) + kTrickle,
            .arrive = [](OperatorStates& test) { test.restart_a_server(); }}),
    [](const auto& tested) { return tested.param.state; });

TEST_P(OperatorStates, LongAreFoundAgainAfterAKillAndLeftByEveryControl) {
  const State state = state_of_name(GetParam().state).value();
  ASSERT_NO_FATAL_FAILURE(arrive());
  running_->process().kill_hard();
  running_ = start();
  ASSERT_TRUE(leads()) << running_->said();
  ASSERT_NO_FATAL_FAILURE(is(GetParam().state));
  if (allows(state, Control::kPause)) {
    ask("Paused");
    ASSERT_NO_FATAL_FAILURE(is("Paused"));
    EXPECT_FALSE(any_slot_open(cluster_));
    ask("Run");
    ASSERT_NO_FATAL_FAILURE(is(GetParam().resumed));
  }
  if (allows(state, Control::kCancel)) {
    ask("Cancelled");
    ASSERT_NO_FATAL_FAILURE(is("Cancelled"));
    EXPECT_FALSE(any_slot_open(cluster_));
  }
}

TEST_P(OperatorStates, LongAreLeftByARollBackWithEverySlotAtHome) {
  const auto before = cluster_.owners();
  ASSERT_NO_FATAL_FAILURE(arrive());
  if (GetParam().state != std::string("RollingBack")) ask("RollBack");
  ASSERT_NO_FATAL_FAILURE(is("RolledBack"));
  EXPECT_EQ(cluster_.owners(), before);
  expect_clean(cluster_);
}

TEST_P(OperatorStates, LongAreLeftByADeletionWithNoSlotOpen) {
  ASSERT_NO_FATAL_FAILURE(arrive());
  api_.remove(path(name_));
  EXPECT_TRUE(rig::wait_until([&] { return !api_.exists(path(name_)); }, kSoon)) << running_->said();
  expect_clean(cluster_);
}

}  // namespace
}  // namespace rebalance
