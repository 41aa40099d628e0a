// What may happen to an operator in the middle of a move: it is stopped and wakes up, its API server is away
// or forgets, its token is replaced. Nothing is lost, nothing stays open, and it ends where it was going.
#include <signal.h>

#include <nlohmann/json.hpp>

#include "kube/operator_rig.h"
#include "rig/command_log.h"

namespace rebalance {
namespace {

using rig::Milliseconds;
using testing::Contains;
using testing::Each;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class OperatorFaults : public OperatorTest {
 protected:
  bool moving() { return wait_for_open_slot(cluster_); }

  // What must hold after all of it.
  void expect_done(const Started& running, rig::Writer& writer) {
    lift_the_bound();
    ASSERT_TRUE(reaches("Succeeded")) << told() << running.said();
    EXPECT_GT(cluster_.slots_of(3), 3000);
    expect_nothing_lost(writer);
    expect_clean(cluster_);
  }
};

// The claim of that process, in the name of a client.
std::string claim_of(Started& running) { return "." + std::to_string(running.process().pid()) + ":"; }

std::vector<rig::ExecutedCommand> moves_of(const rig::CommandLog& log, Started& running) {
  auto moves = log.moves();
  std::erase_if(moves,
                [&](const auto& done) { return done.client.find(claim_of(running)) == std::string::npos; });
  return moves;
}

TEST_F(OperatorFaults, ALeaderThatSleptThroughItsLeasesWritesNothingMore) {
  rig::Writer writer(cluster_.seed(), {.operations_per_second = 200});
  apply("type: Balance", kVerySlowly);
  const auto first = start({"--leader-elect"});
  ASSERT_TRUE(moving()) << told() << first->said();
  const auto second = start({"--leader-elect"});
  first->process().signal(SIGSTOP);
  ASSERT_TRUE(rig::wait_until([&] { return second->said().find("leading as") != std::string::npos; }, kWork))
      << second->said();
  rig::CommandLog log(cluster_);
  ASSERT_TRUE(rig::wait_until([&] { return moves_of(log, *second).size() > 5; }, kWork)) << told();

  log.clear();
  first->process().signal(SIGCONT);
  EXPECT_EQ(first->exit_code(), kRefused) << first->said();
  EXPECT_THAT(first->said(), HasSubstr("the leadership is lost"));
  EXPECT_TRUE(rig::wait_until([&] { return !moves_of(log, *second).empty(); }, kSoon)) << told();
  EXPECT_THAT(moves_of(log, *first), IsEmpty()) << text_of(moves_of(log, *first)) << first->said();
  EXPECT_THAT(log.moves(), Not(Contains(Field(&rig::ExecutedCommand::command, "client kill"))));
  expect_done(*second, writer);
}

// Shorter than its leases last: nobody notices.
TEST_F(OperatorFaults, AnApiServerThatIsAwayForSecondsHoldsUpNothing) {
  rig::Writer writer(cluster_.seed());
  apply("type: Balance", kVerySlowly);
  const auto running = start({"--leader-elect"});
  ASSERT_TRUE(moving()) << told() << running->said();
  plane_.pause_api_server();
  rig::CommandLog log(cluster_);
  EXPECT_TRUE(rig::wait_until([&] { return log.moves().size() > 5; }, kSoon)) << running->said();
  plane_.resume_api_server();
  expect_done(*running, writer);
  EXPECT_TRUE(running->process().running()) << running->said();
}

// Longer than its leases: it writes no more until it can know again that the cluster is its own.
class ApiServerAway : public OperatorFaults {
 protected:
  void away_for(Milliseconds time) {
    constexpr Milliseconds kLeaseIsOver{13'000};  // renewed each 2 s, good for 10 s
    rig::Writer writer(cluster_.seed(), {.operations_per_second = 100});
    apply("type: Balance", kVerySlowly);
    const auto running = start();
    ASSERT_TRUE(moving()) << told() << running->said();
    leave();
    rig::nap(kLeaseIsOver);
    {
      const rig::CommandLog log(cluster_);
      rig::nap(time - kLeaseIsOver);
      EXPECT_THAT(moves_of(log, *running), IsEmpty()) << text_of(moves_of(log, *running)) << running->said();
    }
    come_back();
    expect_done(*running, writer);
  }
  virtual void leave() { plane_.pause_api_server(); }
  virtual void come_back() { plane_.resume_api_server(); }
};
class ApiServerKilled : public ApiServerAway {
 protected:
  void leave() override { plane_.kill_api_server(); }
  void come_back() override { plane_.start_api_server(); }
};

TEST_F(ApiServerAway, NothingIsWrittenOnceTheLeasesRanOut) { away_for(Milliseconds(16'000)); }
TEST_F(ApiServerAway, LongMinute) { away_for(Milliseconds(60'000)); }
TEST_F(ApiServerKilled, LongMinute) { away_for(Milliseconds(60'000)); }

// It would end just now, and nobody can be told.
TEST_F(OperatorFaults, WhatEndedWhileTheApiServerWasAwayIsToldAfterwards) {
  apply_named("rebalance", move_of("0-40", "redis-3"), kAtOnce, "observeSeconds: 5\n");
  const auto running = start();
  ASSERT_TRUE(reaches("Observing", kWork)) << told() << running->said();
  plane_.pause_api_server();
  rig::nap(Milliseconds(28'000));  // for each of its calls and its last word alone it has 10 s
  plane_.resume_api_server();
  EXPECT_TRUE(reaches("Succeeded")) << told() << running->said();
  EXPECT_EQ(cluster_.slots_of(3), 41);
  expect_clean(cluster_);
}

// While its watches were cut, the API server forgot all that they would have told.
TEST_F(OperatorFaults, AHistoryThatIsGoneIsMadeUpForByANewList) {
  rig::Writer writer(cluster_.seed());
  const auto running = start();
  const std::string by_hand = "approval: {mode: Manual}\n";
  for (const auto* name : {"goes", "is-replaced"}) {
    apply_named(name, "type: Balance", by_hand);
    ASSERT_TRUE(reaches("AwaitingApproval", kSoon, name)) << told(name) << running->said();
  }
  apply("type: Balance", kVerySlowly);
  ASSERT_TRUE(moving()) << told() << running->said();
  const auto version = api_.field(path(), "/metadata/resourceVersion").value();

  running->process().signal(SIGSTOP);
  for (const auto* name : {"goes", "is-replaced"}) {
    api_.merge(path(name), R"({"metadata": {"finalizers": null}})");
    api_.remove(path(name));
    api_.remove(
        rig::core_path(space_, "configmaps", name + std::string("-rebalance")));  // garbage collection
  }
  apply_named("is-replaced", drain_of("redis-0"), by_hand);
  apply_named("comes", "type: Balance", by_hand);
  plane_.forget_history();
  const auto watch = path("") + "?watch=1&timeoutSeconds=1&resourceVersion=" + version;
  ASSERT_TRUE(rig::wait_until(
      [&] { return api_.send("GET", watch).body.find("\"code\":410") != std::string::npos; }, kSoon));
  running->process().signal(SIGCONT);

  expect_done(*running, writer);
  EXPECT_TRUE(reaches("AwaitingApproval", kWork, "is-replaced")) << told("is-replaced") << running->said();
  // It may have been planned while the other one began anew, or after it.
  EXPECT_TRUE(rig::wait_until(
      [&] { return state("comes") == "Succeeded" || state("comes") == "AwaitingApproval"; }, kWork))
      << told("comes") << running->said();
  EXPECT_THAT(told("is-replaced"), HasSubstr("redis-0"));
  EXPECT_FALSE(api_.exists(path("goes")));
  EXPECT_THAT(asked(*running, "/metrics"), Not(HasSubstr("\"goes\"")));
}

// A token of the account that holds as long as a secret is there.
class TokenRotation : public OperatorFaults {
 protected:
  std::string bound_token(const std::string& secret) {
    plane_.token_of(space_, "operator");  // makes the account
    api_.create(rig::core_path(space_, "secrets"), nlohmann::json{{"metadata", {{"name", secret}}}}.dump());
    const nlohmann::json bound{{"apiVersion", "v1"}, {"kind", "Secret"}, {"name", secret}};
    const auto answer = api_.create(rig::core_path(space_, "serviceaccounts", "operator") + "/token",
                                    nlohmann::json{{"spec", {{"boundObjectRef", bound}}}}.dump());
    return nlohmann::json::parse(answer).at("status").at("token");
  }
  bool is_refused(const std::string& token) { return plane_.as(token).send("GET", path()).status == 401; }
};

TEST_F(TokenRotation, GoesOnWithTheNewTokenAndSaysNothing) {
  rig::Writer writer(cluster_.seed());
  apply("type: Balance", kVerySlowly);
  const auto old_token = bound_token("first");
  const auto file = folder_.write("token", old_token);
  const auto running = start_with(plane_.kubeconfig_with(file), {"--leader-elect"});
  ASSERT_TRUE(moving()) << told() << running->said();
  rig::write_file(file, bound_token("second"));
  api_.remove(rig::core_path(space_, "secrets", "first"));
  ASSERT_TRUE(rig::wait_until([&] { return is_refused(old_token); }, kSoon));  // it is cached for a moment
  rig::nap(Milliseconds(3'000));  // the leases are renewed each 2 s
  plane_.restart_api_server();    // the watches begin anew as well
  expect_done(*running, writer);
  EXPECT_THAT(running->said(), Not(HasSubstr("nauthorized")));
}

}  // namespace
}  // namespace rebalance
