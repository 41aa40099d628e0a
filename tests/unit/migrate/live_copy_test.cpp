// Live copy against a scripted pair of servers: every interleaving with clients, stops and lost connections
// that real ones show too rarely.
#include "migrate/live_copy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "live_pair.h"
#include "migrate/hand_over.h"
#include "migrate/unstage.h"

namespace rebalance {
namespace {

using ::testing::HasSubstr;

// Names with a tag land in one slot; these are of several.
std::string key(int tag, int i) { return "{" + std::to_string(tag) + "}:" + std::to_string(i); }

// What happens instead of the n-th round trip.
struct Fault {
  int at = -1;
  enum class Kind { kStop, kLostBefore, kLostAfter } kind = Kind::kStop;
};

// A pair of servers with keys in six slots, and what drives an engine over it.
struct Scene {
  Scene() {
    for (int tag = 0; tag < 6; ++tag) {
      slots.add(key_slot(key(tag, 0)));
      for (int i = 0; i < 20; ++i)
        pair.set(key(tag, i), "v" + std::to_string(i), i % 5 == 0 ? 9'000'000 + i : -1);
    }
    add_large(kSet, "set", numbers(8), 9'000'123);
    add_large(kList, "list", numbers(150));
    add_large(kString, "string", std::string(300'000, 'x') + "end");
    before = pair.seen_by_clients();
  }
  void add_large(const std::string& name, const std::string& type, const std::string& value,
                 std::int64_t expires_at = -1) {
    pair.set(name, value, expires_at);
    pair.types[name] = type;
    pair.sizes[name] = kMiB;
  }
  static std::string numbers(int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += (i > 0 ? "," : "") + std::to_string(i);
    return text;
  }
  LiveJob job() { return {{"A", "redis-0", "", true}, {"B", "redis-1", "", true}, slots}; }
  std::unique_ptr<GroupEngine> engine(LiveJob with) { return make_live_copy(std::move(with), pace); }

  Status drive(GroupEngine& live, Fault fault = {}) {
    Result<std::optional<Ask>> next = live.start();
    for (trips = 0; next && *next && trips < 3000; ++trips) {
      const Ask now = **next;
      if (trips != fault.at) {
        next = live.step(pair.answer(now));
      } else if (fault.kind == Fault::Kind::kStop) {
        next = live.step(StopAsked{});
      } else {
        pair.lose(now, fault.kind == Fault::Kind::kLostAfter);
        next = live.step(OutcomeUnknown{"the connection ended"});
      }
    }
    EXPECT_LT(trips, 3000) << "it asks for ever";
    return next ? Status{} : std::unexpected(next.error());
  }
  const std::string kSet = key(0, 100), kList = key(2, 100), kString = key(3, 100);

  bool all_moved() const { return intersection(pair.target.owned, slots) == slots; }
  void expect_untouched() {
    EXPECT_TRUE(pair.closed());
    EXPECT_EQ(pair.staged(), 0);
    EXPECT_EQ(pair.seen_by_clients(), before);
  }

  LivePair pair;
  LivePair::Keys before;
  Pace pace;
  SlotSet slots;
  int trips = 0;
};

class LiveCopy : public testing::Test, protected Scene {};

TEST_F(LiveCopy, MovesEveryKeyWithTheInstantAtWhichItExpires) {
  const auto live = engine(job());
  EXPECT_TRUE(drive(*live));
  EXPECT_EQ(live->done(), slots);
  EXPECT_TRUE(live->left_open().empty());
  EXPECT_EQ(live->progress().keys_done, 123);
  EXPECT_TRUE(all_moved());
  EXPECT_TRUE(pair.closed());
  EXPECT_EQ(pair.seen_by_clients(), before);
  EXPECT_EQ(pair.pauses, 0);
}

TEST_F(LiveCopy, WhateverClientsDoBetweenAnyTwoRoundTripsIsThereAfterwards) {
  std::mt19937 random(7);
  for (int run = 0; run < 40; ++run) {
    Scene fresh;
    auto& servers = fresh.pair;
    auto truth = fresh.before;
    servers.before_each = [&](const Ask&) {
      if (random() % 3 == 0) return;
      const auto name = key(static_cast<int>(random() % 6), static_cast<int>(random() % 25));
      if (random() % 5 == 0) {
        const auto& large = random() % 2 == 0 ? fresh.kSet : fresh.kList;
        if (!truth.contains(large)) return;
        truth[large].value += "," + std::to_string(random());
        servers.set(large, truth[large].value, truth[large].expires_at);
      } else if (random() % 100 == 0) {
        servers.remove(fresh.kList);
        truth.erase(fresh.kList);
      } else if (random() % 3 == 0) {
        servers.remove(name);
        truth.erase(name);
      } else {
        const auto value = std::to_string(random());
        servers.set(name, value);
        truth[name] = {value, -1};
      }
    };
    const auto live = fresh.engine(fresh.job());
    EXPECT_TRUE(fresh.drive(*live));
    EXPECT_EQ(servers.seen_by_clients(), truth);
    EXPECT_TRUE(servers.closed());
    EXPECT_EQ(servers.staged(), 0);
  }
}

// As many keys as before, but others: only what is listed after the WATCH may be counted.
TEST_F(LiveCopy, AKeyThatIsDeletedAndOneThatComesBeforeTheWatchDoNotHideEachOther) {
  bool done = false;
  pair.before_each = [&](const Ask& ask) {
    if (ask.channel != Channel::kWatch || ask.commands[0][0] != "UNWATCH" || done) return;
    done = true;
    pair.remove(key(0, 3));
    pair.set(key(0, 77), "new");
  };
  EXPECT_TRUE(drive(*engine(job())));
  before.erase(key(0, 3));
  before[key(0, 77)] = {"new", -1};
  EXPECT_EQ(pair.seen_by_clients(), before);
}

TEST_F(LiveCopy, AConsumerGroupThatMovesOnIsSeenByTheDigest) {
  pair.set(key(2, 5), "stream of one");
  bool done = false;
  pair.before_each = [&](const Ask& ask) {
    if (ask.commands.back()[0] == "EXEC" && !std::exchange(done, true))
      pair.change_silently(key(2, 5), "stream of one, acknowledged");
  };
  const auto live = engine(job());
  EXPECT_TRUE(drive(*live));
  EXPECT_EQ(pair.seen_by_clients()[key(2, 5)].value, "stream of one, acknowledged");
  EXPECT_EQ(live->progress().retries, 1);
}

TEST_F(LiveCopy, AFlushIsFollowed) {
  int looks = 0;
  pair.before_each = [&](const Ask& ask) {
    if (ask.channel == Channel::kWatch && ++looks == 2) pair.flush_source();
  };
  EXPECT_TRUE(drive(*engine(job())));
  EXPECT_TRUE(all_moved());
  EXPECT_LT(pair.seen_by_clients().size(), before.size());
  EXPECT_EQ(pair.staged(), 0);
}

TEST_F(LiveCopy, AStopAtAnyRoundTripLeavesTheTargetCleanAndTheSourceAsItWas) {
  ASSERT_TRUE(drive(*engine(job())));
  const int all = trips;
  for (int at = 0; at < all; ++at) {
    Scene fresh;
    const auto live = fresh.engine(fresh.job());
    EXPECT_TRUE(fresh.drive(*live, {at, Fault::Kind::kStop}));
    EXPECT_TRUE(live->left_open().empty()) << at;
    EXPECT_TRUE(fresh.pair.closed()) << at;
    EXPECT_EQ(fresh.pair.staged(), 0) << at;
    EXPECT_EQ(fresh.pair.seen_by_clients(), fresh.before) << at;
  }
}

TEST_F(LiveCopy, AConnectionThatIsLostAtAnyRoundTripCostsNothing) {
  ASSERT_TRUE(drive(*engine(job())));
  const int all = trips;
  for (int at = 0; at < all; ++at) {
    for (const auto kind : {Fault::Kind::kLostBefore, Fault::Kind::kLostAfter}) {
      Scene fresh;
      auto truth = fresh.before;
      int asks = 0;
      fresh.pair.before_each = [&](const Ask&) {
        if (asks++ % 11 != 0) return;
        fresh.pair.set(key(1, 4), std::to_string(asks));
        truth[key(1, 4)] = {std::to_string(asks), -1};
      };
      const auto live = fresh.engine(fresh.job());
      EXPECT_TRUE(fresh.drive(*live, {at, kind})) << at;
      EXPECT_TRUE(fresh.all_moved()) << at;
      EXPECT_TRUE(fresh.pair.closed()) << at;
      EXPECT_EQ(fresh.pair.seen_by_clients(), truth) << at;
    }
  }
}

TEST_F(LiveCopy, CopiesGoWhenTheSourceFailsOverAndRefusesTheHandOver) {
  for (const std::string command : {"WATCH", "EXEC"}) {
    Scene fresh;
    fresh.pair.before_each = [&](const Ask& ask) {
      if (std::ranges::find(ask.commands, command, [](const auto& sent) { return sent[0]; }) !=
          ask.commands.end())
        fresh.pair.fail_over_source();
    };
    const auto live = fresh.engine(fresh.job());
    const auto done = fresh.drive(*live);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::kConflict);
    EXPECT_TRUE(live->left_open().empty());
    EXPECT_TRUE(fresh.pair.closed());
    EXPECT_EQ(fresh.pair.staged(), 0);
  }
}

TEST_F(LiveCopy, WhatMayHaveBeenHandedOverStaysForTheJournalWhenTheSourceFailsOver) {
  const auto live = engine(job());
  Result<std::optional<Ask>> next = live->start();
  while ((*next)->commands.back()[0] != "EXEC") next = live->step(pair.answer(**next));
  pair.lose(**next, false);
  pair.fail_over_source();
  const int copies = pair.staged();
  next = live->step(OutcomeUnknown{"no answer"});
  while (next && *next) next = live->step(pair.answer(**next));
  EXPECT_FALSE(next);
  EXPECT_EQ(live->left_open(), slots);
  EXPECT_EQ(pair.staged(), copies);
}

TEST_F(LiveCopy, WhatAnEarlierRunOpenedIsNotForgottenBeforeItWasSeen) {
  auto adopted = job();
  adopted.adopted = true;
  const auto live = engine(adopted);
  live->start();
  const auto next = live->step(StopAsked{});
  ASSERT_TRUE(next);
  EXPECT_FALSE(*next);
  EXPECT_EQ(live->left_open(), slots);
}

// A transaction that waits in a connection which is lost for us must not run after we looked.
TEST_F(LiveCopy, ATransactionThatIsStillOnItsWayIsEndedWithItsConnection) {
  pair.mail_late = true;
  const auto live = engine(job());
  Result<std::optional<Ask>> next = live->start();
  while ((*next)->commands.back()[0] != "EXEC") next = live->step(pair.answer(**next));
  pair.lose(**next, true);
  next = live->step(OutcomeUnknown{"no answer"});
  next = live->step(pair.answer(**next));  // CLIENT ID
  next = live->step(pair.answer(**next));  // CLIENT KILL
  EXPECT_GT(pair.kills, 0);
  pair.deliver_late();
  while (next && *next) next = live->step(pair.answer(**next));
  EXPECT_TRUE(next);
  EXPECT_TRUE(all_moved());
  EXPECT_EQ(pair.seen_by_clients(), before);
}

TEST_F(LiveCopy, ASlotThatNeverRestsStaysWithItsWriteRateAndTheOthersGo) {
  const auto hot = key_slot(key(4, 0));
  int value = 0;
  pair.before_each = [&](const Ask& ask) {
    if (ask.commands.back()[0] == "EXEC") pair.set(key(4, 1), std::to_string(++value));
  };
  const auto live = engine(job());
  EXPECT_TRUE(drive(*live));
  ASSERT_EQ(live->skipped().size(), 1U);
  EXPECT_EQ(live->skipped()[0].slot, hot);
  EXPECT_THAT(live->skipped()[0].reason, HasSubstr("changes a second"));
  EXPECT_GT(pair.pauses, 0);
  EXPECT_EQ(live->done().size(), slots.size() - 1);
  EXPECT_TRUE(live->left_open().empty());
  EXPECT_TRUE(pair.closed());
  EXPECT_EQ(pair.staged(), 0);
  EXPECT_EQ(pair.seen_by_clients()[key(4, 1)].value, std::to_string(value));
}

// The pause ends by itself then, and the hand-over beside it was done all the same.
TEST_F(LiveCopy, ARefusedUnpauseIsNotTakenForARefusedHandOver) {
  pair.refuses_unpause = true;
  int tries = 0;
  pair.before_each = [&](const Ask& ask) {
    if (ask.commands.back()[0] == "EXEC" && ++tries <= 2) pair.set(key(0, 1), "hot " + std::to_string(tries));
  };
  EXPECT_TRUE(drive(*engine(job())));
  EXPECT_GT(pair.pauses, 0);
  EXPECT_TRUE(all_moved());
  before[key(0, 1)] = {"hot 2", -1};
  EXPECT_EQ(pair.seen_by_clients(), before);
}

TEST_F(LiveCopy, WhatIsTooBigOrTooManyIsLeftToAnotherEngineUntouched) {
  pair.set(key(1, 7), "stream that cannot be taken apart");
  pair.sizes[key(1, 7)] = 20 * kMiB;
  for (int i = 0; i <= kMostKeysOfLiveSlot; ++i) pair.set(key(5, i), "x");
  const auto live = engine(job());
  EXPECT_TRUE(drive(*live));
  SlotSet unfit;
  unfit.add(key_slot(key(1, 7)));
  unfit.add(key_slot(key(5, 0)));
  EXPECT_EQ(live->unfit(), unfit);
  EXPECT_EQ(live->done().size(), slots.size() - 2);
  EXPECT_TRUE(pair.closed());
  EXPECT_EQ(pair.staged(), 0);
}

// ---- in pieces ----

TEST_F(LiveCopy, LargeKeysGoInPiecesAndAreNeverReadWhole) {
  EXPECT_TRUE(drive(*engine(job())));
  for (const auto& name : {kSet, kList, kString}) EXPECT_FALSE(pair.read_whole.contains(name)) << name;
  EXPECT_EQ(pair.target.keys[kSet].expires_at, 9'000'123);
  EXPECT_EQ(pair.seen_by_clients(), before);
}

// Each of its pieces once more after it.
TEST_F(LiveCopy, AWriteBetweenAnyTwoPiecesStartsTheKeyAnew) {
  for (int piece = 0; piece < 3; ++piece) {
    Scene fresh;
    int pieces = 0;
    fresh.pair.before_each = [&](const Ask& ask) {
      for (const auto& command : ask.commands) {
        if (command[0] != "SSCAN" || pieces++ != piece) continue;
        fresh.pair.set(fresh.kSet, "90,91,92,93,94,95");
      }
    };
    EXPECT_TRUE(fresh.drive(*fresh.engine(fresh.job())));
    fresh.before[fresh.kSet] = {"90,91,92,93,94,95", -1};
    EXPECT_EQ(fresh.pair.seen_by_clients(), fresh.before) << piece;
  }
}

// Its number of keys would not show it: the next piece makes the copy anew.
TEST_F(LiveCopy, ACopyThatTheTargetLosesBetweenTwoPiecesIsMadeAnew) {
  int pieces = 0;
  pair.before_each = [&](const Ask& ask) {
    for (const auto& command : ask.commands) {
      if (command[0] == "SSCAN" && ++pieces == 3) pair.evict(kSet);
    }
  };
  EXPECT_TRUE(drive(*engine(job())));
  EXPECT_EQ(pair.seen_by_clients(), before);
  EXPECT_EQ(pieces, 6);
}

TEST_F(LiveCopy, ALargeKeyThatComesMeanwhileIsLookedAtBeforeItIsRead) {
  const auto late = key(5, 100);
  bool done = false;
  pair.before_each = [&](const Ask& ask) {
    if (ask.channel == Channel::kWatch && !std::exchange(done, true)) add_large(late, "list", numbers(70));
  };
  EXPECT_TRUE(drive(*engine(job())));
  EXPECT_FALSE(pair.read_whole.contains(late));
  before[late] = {numbers(70), -1};
  EXPECT_EQ(pair.seen_by_clients(), before);
}

TEST_F(LiveCopy, ALargeKeyThatIsReplacedByOneOfAnotherTypeGoesAsThat) {
  bool done = false;
  pair.before_each = [&](const Ask& ask) {
    for (const auto& command : ask.commands) {
      if (command[0] == "SSCAN" && !std::exchange(done, true)) add_large(kSet, "list", numbers(100));
    }
  };
  EXPECT_TRUE(drive(*engine(job())));
  before[kSet] = {numbers(100), -1};
  EXPECT_EQ(pair.seen_by_clients(), before);
}

TEST_F(LiveCopy, ASlotThatSomebodyElseHasOpenIsNotTouched) {
  pair.source.migrating[key_slot(key(3, 0))] = "C";
  const auto done = drive(*engine(job()));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kConflict);
  EXPECT_TRUE(pair.target.importing.empty());
}

TEST_F(LiveCopy, KeysThatTheTargetAlreadyHoldsAreNeitherOverwrittenNorDeleted) {
  pair.target.keys[key(3, 99)] = {"whose?", -1};
  const auto live = engine(job());
  EXPECT_TRUE(drive(*live));
  ASSERT_EQ(live->skipped().size(), 1U);
  EXPECT_THAT(live->skipped()[0].reason, HasSubstr("run a Repair"));
  EXPECT_EQ(pair.target.keys[key(3, 99)].value, "whose?");
}

TEST_F(LiveCopy, ATargetWithoutRoomEndsItWithTheServersWordsAndIsCleaned) {
  pair.before_each = [&](const Ask& ask) {
    if (pair.target.keys.size() > 10 && ask.writes) pair.refused_restore = "OOM command not allowed";
  };
  const auto done = drive(*engine(job()));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kRefused);
  EXPECT_THAT(done.error().message, HasSubstr("OOM"));
  expect_untouched();
}

TEST_F(LiveCopy, ATargetThatIsFullAfterTheHandOverTakesTheSlotsAllTheSame) {
  pair.target_queues_nothing = "OOM command not allowed when used memory > 'maxmemory'.";
  const auto done = drive(*engine(job()));
  EXPECT_TRUE(done) << done.error().message;
  EXPECT_TRUE(all_moved());
  EXPECT_TRUE(pair.closed());
  EXPECT_EQ(pair.seen_by_clients(), before);
}

TEST_F(LiveCopy, ATargetThatRefusesItsSlotsEndsItAndTheJournalKnowsThem) {
  pair.target_queues_nothing = "NOPERM this user has no permissions to run the 'cluster|setslot' command";
  const auto live = engine(job());
  const auto done = drive(*live);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kRefused);
  EXPECT_THAT(done.error().message, HasSubstr("NOPERM"));
  EXPECT_EQ(live->left_open(), slots);
  EXPECT_EQ(pair.seen_by_clients(), before);
}

TEST_F(LiveCopy, ASourceThatRefusesTheHandOverIsLeftAsItWas) {
  pair.refused_unlink = "NOPERM this user has no permissions to run the 'unlink' command";
  const auto done = drive(*engine(job()));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kRefused);
  EXPECT_THAT(done.error().message, HasSubstr("unlink"));
  expect_untouched();
}

TEST_F(LiveCopy, ReplicasOfTheTargetThatDoNotAcknowledgeEndIt) {
  auto with = job();
  with.target_replicas = 1;
  const auto done = drive(*engine(with));
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("0 of 1 replicas of redis-1"));
  expect_untouched();
  pair.acknowledging_replicas = 1;
  EXPECT_TRUE(drive(*engine(with)));
  EXPECT_TRUE(all_moved());
}

TEST_F(LiveCopy, WhatAnEarlierRunHandedOverIsFinished) {
  const auto slot = key_slot(key(0, 0));
  for (const auto& [name, value] : before) {
    if (key_slot(name) != slot) continue;
    pair.target.keys[name] = value;
    pair.source.keys.erase(name);
  }
  pair.source.migrating[slot] = "B";
  pair.target.importing[slot] = "A";
  auto with = job();
  with.adopted = true;
  EXPECT_TRUE(drive(*engine(with)));
  EXPECT_TRUE(all_moved());
  EXPECT_TRUE(pair.closed());
  EXPECT_EQ(pair.seen_by_clients(), before);
}

// ---- recovery ----

class Unstaged : public testing::Test, protected Scene {
 protected:
  Unstaged() {
    for (int i = 0; i < 10; ++i) pair.target.keys[key(0, i)] = pair.source.keys[key(0, i)];
    pair.target.importing[key_slot(key(0, 0))] = "A";
    pair.target.importing[key_slot(key(1, 0))] = "A";
  }
  Status unstage() {
    return drive(*make_unstage({{"A", "redis-0", "", true}, {"B", "redis-1", "", true}, slots}));
  }
};

TEST_F(Unstaged, CopiesGoAndTheSlotsAreClosed) {
  EXPECT_TRUE(unstage());
  expect_untouched();
}

TEST_F(Unstaged, AKeyThatIsOnlyOnTheTargetIsToldAndStays) {
  pair.remove(key(0, 4));
  const auto done = unstage();
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("1 key(s) of slots"));
  EXPECT_EQ(pair.target.keys.size(), 1U);
  EXPECT_TRUE(pair.target.keys.contains(key(0, 4)));
  EXPECT_FALSE(pair.target.importing.contains(key_slot(key(1, 0))));
}

TEST_F(Unstaged, WhatWasHandedOverIsNotTouched) {
  const auto slot = key_slot(key(0, 0));
  std::erase_if(pair.source.keys, [&](const auto& each) { return key_slot(each.first) == slot; });
  pair.source.migrating[slot] = "B";
  EXPECT_TRUE(unstage());
  EXPECT_EQ(pair.target.keys.size(), 10U);
  EXPECT_TRUE(pair.target.importing.contains(slot));
}

}  // namespace
}  // namespace rebalance
