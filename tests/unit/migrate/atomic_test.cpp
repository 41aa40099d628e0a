// The atomic engine against a scripted pair of servers: what real ones do too rarely to be waited for.
#include "migrate/atomic.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace rebalance {
namespace {

using ::testing::HasSubstr;

// Both ends of one pair, in the words of either kind of server.
class Pair {
 public:
  explicit Pair(Engine engine) : redis(engine == Engine::kAtomicRedis) {}

  const bool redis;
  SlotSet source = SlotSet::parse("0-99").value(), target = SlotSet::parse("100-199").value();
  std::string state;  // of the task; empty: there is none
  std::string slots = "0-9", message, other_state;
  int retries = 0, refused = 0;
  std::vector<std::string> writes;
  std::function<void()> before_each = [] {};

  Answer answer(const Ask& ask) {
    before_each();
    Answer answer;
    for (const auto& command : ask.commands) answer.replies.push_back(reply(ask.side, command));
    return answer;
  }
  void hand_over() {
    const auto moved = SlotSet::parse(slots).value();
    source.remove(moved);
    target.add(moved);
    state = redis ? "completed" : "success";
  }

 private:
  Reply reply(Side side, const Command& command) {
    const auto line = fmt::format("{}", fmt::join(command, " "));
    if (line == "CLUSTER NODES") return nodes(side);
    if (line == "INFO stats") return Reply::string(fmt::format("unexpected_error_replies:{}\r\n", refused));
    if (line == "INFO keyspace") return Reply::string("db0:keys=10,expires=0\r\n");
    if (line.starts_with("INFO") || line == "CLUSTER INFO") return Reply::string("");
    if (line.starts_with("CLUSTER COUNTKEYSINSLOT")) return Reply::number(1);
    if (line == "CLUSTER MIGRATION STATUS ALL" || line == "CLUSTER GETSLOTMIGRATIONS") return tasks(side);
    writes.push_back(line);
    if (line.find("CANCEL") != line.npos) {
      if (state != "completed" && state != "success") state = redis ? "canceled" : "cancelled";
      return Reply::number(1);
    }
    state = redis ? "connecting" : "snapshotting";
    return redis ? Reply::string("task-1") : Reply::status("OK");
  }
  Reply nodes(Side side) const {
    const bool from = side == Side::kSource;
    auto owned = (from ? source : target).text();
    std::ranges::replace(owned, ',', ' ');
    return Reply::string(
        fmt::format("{} 127.0.0.1:1@2 myself,master - 0 0 1 connected {}\n", from ? "A" : "B", owned));
  }
  Reply task(const std::string& id, const std::string& over, const std::string& in, bool import) const {
    const auto text = [](const char* what) { return Reply::string(what); };
    return Reply::array({text(redis ? "id" : "name"), Reply::string(id),
                         text(redis ? "slots" : "slot_ranges"), Reply::string(over),
                         text(redis ? "source" : "source_node"), text("A"),
                         text(redis ? "dest" : "target_node"), text("B"), text("operation"),
                         text(redis ? (import ? "import" : "migrate") : (import ? "IMPORT" : "EXPORT")),
                         text("state"), Reply::string(in), text(redis ? "last_error" : "message"),
                         Reply::string(message), text("retries"), Reply::number(retries)});
  }
  Reply tasks(Side side) const {
    std::vector<Reply> all;
    const bool import = side == Side::kTarget;
    if (!state.empty()) all.push_back(task("task-1", slots, state, import));
    if (!other_state.empty()) all.push_back(task("task-2", "50-59", other_state, import));
    return Reply::array(all);
  }
};

AtomicJob job(Engine engine) {
  return {engine, {"A", "redis-0", "", true}, {"B", "redis-1", "", true}, SlotSet::parse("0-9").value()};
}

// Until the engine asks no more; at most so many rounds.
Status drive(GroupEngine& engine, Pair& pair, int rounds = 200) {
  Result<std::optional<Ask>> next = engine.start();
  while (next && *next && rounds-- > 0) next = engine.step(pair.answer(**next));
  EXPECT_GE(rounds, 0) << "it asks for ever";
  return next ? Status{} : std::unexpected(next.error());
}

class Atomic : public testing::TestWithParam<Engine> {
 protected:
  Pair pair{GetParam()};
  std::unique_ptr<GroupEngine> engine = make_atomic(job(GetParam()));
};
INSTANTIATE_TEST_SUITE_P(Servers, Atomic, testing::Values(Engine::kAtomicRedis, Engine::kAtomicValkey),
                         [](const auto& each) { return std::string(engine_name(each.param)); });

TEST_P(Atomic, StartsOneMigrationOverAllSlotsAndWaitsUntilTheTargetOwnsThem) {
  int looks = 0;
  pair.before_each = [&] {
    if (!pair.state.empty() && ++looks == 4) pair.hand_over();
  };
  EXPECT_TRUE(drive(*engine, pair));
  EXPECT_EQ(pair.writes.size(), 1U);
  EXPECT_THAT(pair.writes[0], HasSubstr(" 0 9"));
  EXPECT_EQ(engine->done().text(), "0-9");
  EXPECT_TRUE(engine->left_open().empty());
}

TEST_P(Atomic, AnUnknownOutcomeOfTheStartIsLookedForNotStartedAgain) {
  Result<std::optional<Ask>> next = engine->start();
  while (!(*next)->writes) next = engine->step(pair.answer(**next));
  pair.answer(**next);  // it arrived
  next = engine->step(OutcomeUnknown{"the connection ended"});
  int looks = 0;
  pair.before_each = [&] {
    if (++looks == 4) pair.hand_over();
  };
  while (next && *next) next = engine->step(pair.answer(**next));
  EXPECT_TRUE(next) << next.error().message;
  EXPECT_EQ(pair.writes.size(), 1U);
  EXPECT_EQ(engine->done().text(), "0-9");
}

TEST_P(Atomic, AStopCancelsAndLeavesNothingOpen) {
  Result<std::optional<Ask>> next = engine->start();
  while (pair.writes.empty()) next = engine->step(pair.answer(**next));
  next = engine->step(StopAsked{});
  while (next && *next) next = engine->step(pair.answer(**next));
  EXPECT_TRUE(next);
  EXPECT_THAT(pair.writes.back(), HasSubstr("CANCEL"));
  EXPECT_TRUE(engine->done().empty());
  EXPECT_TRUE(engine->left_open().empty());
}

TEST_P(Atomic, AStopThatComesTooLateFindsTheSlotsMoved) {
  Result<std::optional<Ask>> next = engine->start();
  while (pair.writes.empty()) next = engine->step(pair.answer(**next));
  next = engine->step(StopAsked{});
  pair.hand_over();
  while (next && *next) next = engine->step(pair.answer(**next));
  EXPECT_TRUE(next);
  EXPECT_EQ(engine->done().text(), "0-9");
}

TEST_P(Atomic, WhatAnEarlierRunBeganIsNotForgottenBeforeItWasLookedFor) {
  auto adopted = job(GetParam());
  adopted.adopted = true;
  engine = make_atomic(adopted);
  engine->start();
  const auto next = engine->step(StopAsked{});
  ASSERT_TRUE(next);
  EXPECT_FALSE(*next);
  EXPECT_EQ(engine->left_open().text(), "0-9");
}

TEST_P(Atomic, AForeignMigrationOfTheseSlotsIsNotTouched) {
  pair.state = pair.redis ? "streaming-buffer" : "snapshotting";
  const auto done = drive(*engine, pair);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kConflict);
  EXPECT_TRUE(pair.writes.empty());
}

TEST_P(Atomic, WhatTheServerForgotIsJudgedByWhoOwnsTheSlots) {
  int looks = 0;
  pair.before_each = [&] {
    if (pair.state.empty() || ++looks != 3) return;
    pair.hand_over();
    pair.state.clear();
  };
  EXPECT_TRUE(drive(*engine, pair));
  EXPECT_EQ(engine->done().text(), "0-9");
  EXPECT_EQ(pair.writes.size(), 1U);
}

TEST(AtomicRedis, AnImportThatFailsAgainAndAgainIsCancelledWithTheServersWords) {
  Pair pair(Engine::kAtomicRedis);
  const auto engine = make_atomic(job(Engine::kAtomicRedis));
  pair.message = "Failed to fork";
  pair.before_each = [&] {
    if (pair.state == "connecting" || pair.state == "failed") {
      pair.state = "failed";
      ++pair.retries;
    }
  };
  const auto done = drive(*engine, pair);
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("Failed to fork"));
  EXPECT_THAT(pair.writes.back(), HasSubstr("CANCEL ID task-1"));
  EXPECT_TRUE(engine->left_open().empty());
}

TEST(AtomicRedis, ACommandThatTheTargetRefusesCancelsBeforeTheSourceForgets) {
  Pair pair(Engine::kAtomicRedis);
  const auto engine = make_atomic(job(Engine::kAtomicRedis));
  pair.before_each = [&] { pair.refused = pair.state.empty() ? 0 : 2; };
  const auto done = drive(*engine, pair);
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("refused 2 commands"));
  EXPECT_THAT(pair.writes.back(), HasSubstr("CANCEL"));
}

TEST(AtomicRedis, ARefusalThatComesWithTheHandOverIsToldAsLoss) {
  Pair pair(Engine::kAtomicRedis);
  const auto engine = make_atomic(job(Engine::kAtomicRedis));
  pair.before_each = [&] {
    if (pair.state != "connecting") return;
    pair.refused = 1;
    pair.hand_over();
  };
  const auto done = drive(*engine, pair);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kLost);
}

TEST(AtomicValkey, ACancelThatWouldEndSomebodyElsesMigrationIsNotSent) {
  Pair pair(Engine::kAtomicValkey);
  auto adopted = job(Engine::kAtomicValkey);
  adopted.adopted = true;
  const auto engine = make_atomic(adopted);
  Result<std::optional<Ask>> next = engine->start();
  while (pair.writes.empty()) next = engine->step(pair.answer(**next));
  pair.other_state = "snapshotting";
  next = engine->step(StopAsked{});
  while (next && *next) next = engine->step(pair.answer(**next));
  ASSERT_FALSE(next);
  EXPECT_EQ(pair.writes.size(), 1U);
  EXPECT_EQ(engine->left_open().text(), "0-9");
}

TEST(AtomicValkey, AJobThatFailsIsToldInTheWordsOfTheTargetAndTriedAgain) {
  Pair pair(Engine::kAtomicValkey);
  const auto engine = make_atomic(job(Engine::kAtomicValkey));
  pair.message = "Ran out of memory (OOM) during slot import";
  pair.before_each = [&] {
    if (pair.state == "snapshotting") pair.state = "failed";
  };
  const auto done = drive(*engine, pair);
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("Ran out of memory"));
  EXPECT_GT(pair.writes.size(), 1U);
  EXPECT_TRUE(engine->left_open().empty());
}

}  // namespace
}  // namespace rebalance
