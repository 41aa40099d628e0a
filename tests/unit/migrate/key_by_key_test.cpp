#include "migrate/key_by_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "fake_pair.h"

namespace rebalance {
namespace {

using testing::HasSubstr;

class KeyByKey : public testing::Test {
 protected:
  KeyByKey() { fill(pair); }

  static void fill(FakePair& pair) {
    pair.source.owned.add(SlotRange{0, 99});
    for (int slot = 0; slot < 20; slot += 2) {
      for (int key = 0; key <= slot; ++key) {
        const auto name = std::to_string(slot) + ":" + std::to_string(key);
        pair.source.keys[static_cast<Slot>(slot)][name] = "value of " + name;
      }
    }
  }
  std::unique_ptr<GroupEngine> engine(const SlotSet& adopted = {}, const SlotSet& proven = {}) {
    return make_key_by_key({{pair.source.id, "pod-a", pair.source.run_id},
                            {pair.target.id, "pod-b", pair.target.run_id},
                            {"10.0.0.2", 6379, "mover", "s3cret"},
                            group,
                            adopted,
                            proven,
                            Millis(5000),
                            4,
                            {},
                            key_room},
                           pace);
  }
  void open(Slot slot) {
    pair.target.importing[slot] = pair.source.id;
    pair.source.migrating[slot] = pair.target.id;
  }

  FakePair pair;
  Pace pace;
  Bytes key_room = kLargestPayload;
  SlotSet group = SlotSet::parse("0-19").value();
};

TEST_F(KeyByKey, MovesAGroupAndTellsEverybody) {
  const auto before = pair.all_keys();
  const auto move = engine();
  const auto run = drive(*move, pair);
  EXPECT_FALSE(run.error);
  EXPECT_EQ(move->done(), group);
  EXPECT_TRUE(move->left_open().empty());
  EXPECT_EQ(pair.all_keys(), before);
  EXPECT_EQ(pair.target.owned, group);
  EXPECT_EQ(pair.source.owned.text(), "20-99");
  EXPECT_EQ(move->progress().keys_done, static_cast<std::int64_t>(before.size()));
  EXPECT_EQ(run.asks.back().side, Side::kOthers);
}

TEST_F(KeyByKey, TheTargetOpensFirstAndOwnsFirst) {
  std::vector<std::string> order;
  const auto move = engine();
  drive(*move, pair, {}, [&](int, const Ask& ask) {
    const auto setslot = std::ranges::find_if(
        ask.commands, [](const Command& command) { return command.size() > 3 && command[1] == "SETSLOT"; });
    if (setslot == ask.commands.end()) return;
    const auto* side = ask.side == Side::kSource   ? " source"
                       : ask.side == Side::kTarget ? " target"
                                                   : " others";
    order.push_back((*setslot)[3] + side);
  });
  ASSERT_GE(order.size(), 5u);
  EXPECT_EQ(std::vector(order.begin(), order.begin() + 4),
            (std::vector<std::string>{"IMPORTING target", "MIGRATING source", "NODE target", "NODE source"}));
  EXPECT_EQ(order.back(), "NODE others");
  EXPECT_EQ(std::ranges::count(order, "NODE others"), 1);
}

TEST_F(KeyByKey, NoSlotIsGivenOrTakenBeforeTheNodeSaysThatNoFailoverIsUnderWay) {
  const auto move = engine();
  drive(*move, pair, {}, [&](int, const Ask& ask) {
    if (ask.commands.back()[0] == "EXEC" || (ask.side == Side::kTarget && ask.ownership)) {
      EXPECT_EQ(ask.commands.front(), (Command{"EVAL", "return 1", "0"}));
    }
  });
}

TEST_F(KeyByKey, HoldsTheOwnershipLockFromTheLastLookToTheSource) {
  const auto move = engine();
  drive(*move, pair, {}, [&](int, const Ask& ask) {
    const auto& last = ask.commands.back();
    const bool owning =
        last[0] == "EXEC" || (last.size() > 3 && last[3] == "NODE" && ask.side != Side::kOthers);
    EXPECT_EQ(ask.ownership, owning) << last[0];
  });
}

TEST_F(KeyByKey, WhateverIsLostOnceOrFailsOnceIsOvercome) {
  const auto trips = drive(*engine(), pair).round_trips;
  const auto passing = {"LOADING Redis is loading the dataset in memory",
                        "TRYAGAIN Multiple keys",
                        "CLUSTERDOWN The cluster is down",
                        "NOREPLICAS Not enough good replicas to write.",
                        "UNBLOCKED force unblock from blocking operation",
                        "IOERR error or timeout reading to target instance",
                        "MOVED 3 10.0.0.9:6379"};
  std::vector<Fault> faults;
  for (int at = 0; at < trips; ++at) {
    faults.push_back({at, Fault::Kind::kLostBefore, {}});
    faults.push_back({at, Fault::Kind::kLostAfter, {}});
    for (const char* text : passing) faults.push_back({at, Fault::Kind::kErrorReply, text});
  }
  for (const auto& fault : faults) {
    pair = {};
    fill(pair);
    const auto before = pair.all_keys();
    const auto move = engine();
    const auto run = drive(*move, pair, fault);
    EXPECT_FALSE(run.error) << fault.at << " " << fault.text << ": " << run.error->message;
    EXPECT_EQ(move->done(), group) << fault.at;
    EXPECT_EQ(pair.all_keys(), before) << fault.at;
    EXPECT_EQ(pair.gave_away_with_keys, 0) << fault.at;
  }
}

TEST_F(KeyByKey, WhatDoesNotPassStopsWithTheServersWordsAndNoSecret) {
  const auto trips = drive(*engine(), pair).round_trips;
  for (const char* text : {"OOM command not allowed when used memory > 'maxmemory'.",
                           "NOAUTH Authentication required.", "WRONGPASS invalid username-password pair",
                           "NOPERM this user has no permissions", "ERR unknown command"}) {
    for (int at = 0; at < trips - 1; ++at) {
      pair = {};
      fill(pair);
      const auto before = pair.all_keys();
      const auto move = engine();
      const auto run = drive(*move, pair, {at, Fault::Kind::kErrorReply, text});
      if (!run.error) continue;  // the other primaries are told as best they can
      EXPECT_THAT(run.error->message, HasSubstr(text)) << at;
      EXPECT_THAT(run.error->message, testing::Not(HasSubstr("s3cret")));
      EXPECT_EQ(pair.all_keys(), before);
      EXPECT_EQ(pair.gave_away_with_keys, 0);
    }
  }
}

TEST_F(KeyByKey, GivesUpAfterItsTries) {
  auto move = engine();
  Result<std::optional<Ask>> next = move->start();
  int asked = 0;
  while (next && *next && asked < 1000) {
    ++asked;
    next = move->step(OutcomeUnknown{"time-out"});
  }
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().code, ErrorCode::kTimeout);
  EXPECT_EQ(asked, 5);
}

TEST_F(KeyByKey, AKeyWrittenMeanwhileIsSeenBeforeTheSlotIsGiven) {
  bool written = false;
  const auto move = engine();
  drive(*move, pair, {}, [&](int, const Ask& ask) {
    if (ask.commands.back()[0] == "EXEC" && !std::exchange(written, true))
      pair.source.keys[1]["1:late"] = "late";
  });
  EXPECT_EQ(pair.gave_away_with_keys, 0);
  EXPECT_EQ(pair.target.keys[1]["1:late"], "late");
  EXPECT_EQ(move->done(), group);
}

TEST_F(KeyByKey, SourcesThatAreNotTheSameAnyMoreStopIt) {
  for (const auto& change : std::initializer_list<std::function<void()>>{
           [&] { pair.source.role = "slave"; }, [&] { pair.source.run_id = "life-2"; },
           [&] { pair.source.migrating.clear(); }}) {
    pair = {};
    fill(pair);
    const auto move = engine();
    const auto run = drive(*move, pair, {}, [&](int, const Ask& ask) {
      if (ask.commands.back()[0] == "EXEC") change();
    });
    EXPECT_TRUE(run.error);
    EXPECT_EQ(pair.ran["NODE"], 0);
    EXPECT_EQ(move->left_open(), group);
  }
}

TEST_F(KeyByKey, OurOwnCopyOfUnknownOutcomeIsReplaced) {
  open(4);
  pair.target.keys[4]["4:0"] = "an older value";
  const auto run = drive(*engine(group, SlotSet::parse("4").value()), pair);
  EXPECT_FALSE(run.error);
  EXPECT_EQ(pair.target.keys[4]["4:0"], "value of 4:0");
}

TEST_F(KeyByKey, AnEqualCopyIsReplacedWithoutProof) {
  open(4);
  pair.target.keys[4]["4:0"] = "value of 4:0";
  EXPECT_FALSE(drive(*engine(group), pair).error);
  EXPECT_EQ(pair.target.owned, group);
}

TEST_F(KeyByKey, ADifferentCopyWithoutProofStopsAndKeepsBoth) {
  open(4);
  pair.target.keys[4]["4:0"] = "telltale";
  const auto run = drive(*engine(group), pair);
  ASSERT_TRUE(run.error);
  EXPECT_EQ(run.error->code, ErrorCode::kConflict);
  EXPECT_THAT(run.error->message, HasSubstr("1 key(s) of slot 4"));
  EXPECT_THAT(run.error->message, testing::Not(HasSubstr("telltale")));
  EXPECT_EQ(pair.source.keys[4]["4:0"], "value of 4:0");
  EXPECT_EQ(pair.target.keys[4]["4:0"], "telltale");
}

TEST_F(KeyByKey, SlotsThatSomebodyElseOpenedAreLeftAlone) {
  open(4);
  const auto run = drive(*engine(), pair);
  ASSERT_TRUE(run.error);
  EXPECT_THAT(run.error->message, HasSubstr("slot 4"));
  EXPECT_EQ(pair.ran["MIGRATE"] + pair.ran["IMPORTING"] + pair.ran["NODE"], 0);
}

TEST_F(KeyByKey, ASlotWhoseKeysTheTargetAlreadyHoldsIsSkippedClosed) {
  pair.target.keys[3]["3:orphan"] = "x";
  const auto move = engine();
  EXPECT_FALSE(drive(*move, pair).error);
  ASSERT_EQ(move->skipped().size(), 1u);
  EXPECT_EQ(move->skipped().front().slot, 3);
  EXPECT_TRUE(pair.target.importing.empty() && pair.source.migrating.empty());
  EXPECT_EQ(move->done().size(), 19);
}

TEST_F(KeyByKey, ASlotWithAKeyThatStallsTooLongIsNeverOpened) {
  pair.source.sizes["6:2"] = 300 * kMiB;
  const auto move = engine();
  drive(*move, pair, {}, [&](int, const Ask& ask) {
    for (const auto& command : ask.commands)
      EXPECT_FALSE(command.size() > 3 && command[1] == "SETSLOT" && command[2] == "6");
  });
  ASSERT_EQ(move->skipped().size(), 1u);
  EXPECT_EQ(move->skipped().front().slot, 6);
  EXPECT_THAT(move->skipped().front().reason, HasSubstr("300"));
  EXPECT_THAT(move->skipped().front().reason, testing::Not(HasSubstr("6:2")));
}

TEST_F(KeyByKey, ASlotWithAKeyThatHasNoRoomWhileItTravelsIsNeverOpened) {
  pair.source.sizes["6:2"] = 30 * kMiB;
  key_room = 20 * kMiB;
  const auto move = engine();
  EXPECT_FALSE(drive(*move, pair).error);
  ASSERT_EQ(move->skipped().size(), 1u);
  EXPECT_EQ(move->skipped().front().slot, 6);
  EXPECT_THAT(move->skipped().front().reason, HasSubstr("no room"));
  EXPECT_THAT(move->skipped().front().reason, HasSubstr("for a key of 20"));
  EXPECT_EQ(move->done().size(), 19);
  EXPECT_EQ(pair.source.keys[6].size(), 7u);
}

TEST_F(KeyByKey, AKeyThatGrewAfterTheOpeningClosesItsSlotAgain) {
  const auto move = engine();
  const auto run = drive(*move, pair, {}, [&](int, const Ask& ask) {
    if (ask.commands.front().size() > 3 && ask.commands.front()[3] == "MIGRATING") {
      pair.source.keys[6]["6:new"] = "x";
      pair.source.sizes["6:new"] = 300 * kMiB;
    }
  });
  EXPECT_FALSE(run.error);
  ASSERT_EQ(move->skipped().size(), 1u);
  EXPECT_EQ(pair.source.keys[6].size(), 8u);
  EXPECT_TRUE(pair.target.importing.empty() && pair.source.migrating.empty());
  EXPECT_EQ(move->done().size(), 19);
}

// One grows in a slot whose keys move already; half of the node's time-out is 100 MB.
class KeyThatGrows : public KeyByKey {
 protected:
  Drive run(GroupEngine& move, Bytes bytes) {
    return drive(move, pair, {}, [&, done = false](int, const Ask& ask) mutable {
      if (pair.target.keys[18].empty() || ask.commands.back()[0] != "EXEC" || std::exchange(done, true))
        return;
      pair.source.keys[18]["18:new"] = "x";
      pair.source.sizes["18:new"] = bytes;
    });
  }
};

TEST_F(KeyThatGrows, MovesWhereItsSlotCannotBeClosedAgain) {
  const auto move = engine();
  EXPECT_FALSE(run(*move, 120'000'000).error);
  EXPECT_EQ(move->done(), group);
  EXPECT_EQ(pair.target.keys[18]["18:new"], "x");
}

TEST_F(KeyThatGrows, IsReportedWhereItCouldEndInAFailover) {
  const auto move = engine();
  const auto drive = run(*move, 160'000'000);
  ASSERT_TRUE(drive.error);
  EXPECT_THAT(drive.error->message, HasSubstr("slots 18 stay open"));
  EXPECT_EQ(move->done().text(), "0-17,19");
}

TEST_F(KeyByKey, ALongSlotWithABigKeyBehindWhatIsListedIsNeverOpened) {
  auto move = make_key_by_key({{pair.source.id, "pod-a", "life-1"},
                               {pair.target.id, "pod-b", "life-1"},
                               {},
                               group,
                               {},
                               {},
                               Millis(5000),
                               4,
                               {{6, 300 * kMiB}, {8, 60'000'000}}},
                              pace);
  EXPECT_FALSE(drive(*move, pair).error);
  ASSERT_EQ(move->skipped().size(), 1u);
  EXPECT_EQ(move->skipped().front().slot, 6);
  EXPECT_EQ(move->done().size(), 19);
}

TEST_F(KeyByKey, KeysInOtherDatabasesAreRefusedByName) {
  pair.source.second_database = true;
  const auto run = drive(*engine(), pair);
  ASSERT_TRUE(run.error);
  EXPECT_THAT(run.error->message, HasSubstr("database 3"));
  EXPECT_EQ(pair.ran["IMPORTING"], 0);
}

TEST_F(KeyByKey, AStopBeforeTheFirstMarkStartsNothing) {
  const auto move = engine();
  move->start();
  const auto next = move->step(StopAsked{});
  ASSERT_TRUE(next);
  EXPECT_FALSE(*next);
  EXPECT_TRUE(move->left_open().empty());
}

TEST_F(KeyByKey, WhatAnEarlierRunOpenedIsNotForgottenBeforeBothNodesWereSeen) {
  for_each_slot(group, [&](Slot slot) { open(slot); });
  const auto stopped = engine(group);
  stopped->start();
  const auto next = stopped->step(StopAsked{});
  ASSERT_TRUE(next);
  EXPECT_FALSE(*next);
  EXPECT_EQ(stopped->left_open(), group);

  pair.target.role = "slave";
  const auto failed_over = engine(group);
  EXPECT_TRUE(drive(*failed_over, pair).error);
  EXPECT_EQ(failed_over->left_open(), group);
}

TEST_F(KeyByKey, CredentialsGoToMigrateOnly) {
  const auto move = engine();
  drive(*move, pair, {}, [&](int, const Ask& ask) {
    for (const auto& command : ask.commands)
      EXPECT_EQ(std::ranges::find(command, "s3cret") != command.end(), command[0] == "MIGRATE");
  });
}

// Any two faults at any moments, clients that write to the source's closed slots: never a slot with keys
// given away, no key lost.
RC_GTEST_PROP(KeyByKeyProperty, NeverGivesAwayASlotThatHoldsKeysAndLosesNone, ()) {
  FakePair pair;
  Pace pace;
  pair.source.owned.add(SlotRange{0, 99});
  const auto keys = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 2000));
  for (const int key : keys) {
    const auto name = std::to_string(key % 10) + ":" + std::to_string(key);
    pair.source.keys[static_cast<Slot>(key % 10)][name] = "v";
  }
  const auto before = pair.all_keys();
  const auto at = *rc::gen::inRange(0, 30);
  const auto kind =
      *rc::gen::element(Fault::Kind::kLostBefore, Fault::Kind::kLostAfter, Fault::Kind::kErrorReply);
  const auto text = *rc::gen::element<std::string>(
      "OOM x", "TRYAGAIN", "IOERR reading", "ERR Target instance replied with error: BUSYKEY x", "ERR odd");
  SlotSet group;
  group.add(SlotRange{0, 9});
  const auto move = make_key_by_key(
      {{pair.source.id, "a", "life-1"}, {pair.target.id, "b", "life-1"}, {}, group, {}, {}, Millis(5000), 3},
      pace);
  const auto run = drive(*move, pair, {at, kind, text});
  RC_ASSERT(pair.gave_away_with_keys == 0);
  RC_ASSERT(pair.all_keys() == before);
  RC_ASSERT(run.error || move->done() == group);
}

}  // namespace
}  // namespace rebalance
