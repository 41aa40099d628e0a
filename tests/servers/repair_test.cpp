// Each way in which a slot can be odd is made on real servers, and repaired or reported.
#include "migrate/repair.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "servers/migrate_rig.h"

namespace rebalance {
namespace {

constexpr int kSlot = 93;  // of node 0; nodes 0 to 2 are primaries
const std::string kText = std::to_string(kSlot);

class Repair : public testing::TestWithParam<rig::ServerVersion> {
 protected:
  explicit Repair(const rig::ClusterOptions& options = {.primaries = 3}) : cluster(GetParam(), options) {}

  rig::TestCluster cluster;
  TestHooks hooks;

  std::string id(int node) { return cluster.node_id(node); }
  rig::Reply on(int node, const rig::Arguments& command) { return cluster.command(node, command); }
  void mark(int node, const char* state, int peer) {
    on(node, {"CLUSTER", "SETSLOT", kText, state, id(peer)});
  }
  void stable(int node) { on(node, {"CLUSTER", "SETSLOT", kText, "STABLE"}); }
  void importing(int target) { mark(target, "IMPORTING", 0); }
  void migrating(int target) { mark(0, "MIGRATING", target); }

  void put(int node, int key, const std::string& value) {
    auto client = cluster.node(node).connect();
    client.command({"ASKING"});
    client.must({"SET", key_in(kSlot, key), value});
  }
  void keys_at_source(int count) {
    for (int key = 0; key < count; ++key) put(0, key, "v" + std::to_string(key));
  }
  // As MIGRATE would have left it: keys `first` to `last` are on the target only.
  void move_keys(int target, int first, int last) {
    for (int key = first; key <= last; ++key) {
      on(0, {"MIGRATE", "127.0.0.1", std::to_string(cluster.node(target).port()), key_in(kSlot, key), "0",
             "5000"});
    }
  }
  int64_t keys(int node) { return on(node, {"CLUSTER", "COUNTKEYSINSLOT", kText}).integer; }

  RepairResult repair(std::vector<MoveIntent> intents = {}, bool everything = true) {
    RepairJob job;
    for (int node = 0; node < cluster.size(); ++node) {
      if (cluster.node(node).running()) job.nodes.push_back(member(cluster, node));
    }
    for (const auto& intent : intents) (void)hooks.intents.open(intent);
    job.intents = std::move(intents);
    job.everything = everything;
    job.watch = Millis(200);
    return run_repair(job, hooks.hooks(), {});
  }
  MoveIntent intent(int target) {
    const auto run_id = [&](int node) {
      return rig::info_field(on(node, {"INFO", "server"}).text, "run_id");
    };
    return {Engine::kKeyByKey, id(0), id(target), run_id(0), run_id(target), range(kSlot, kSlot)};
  }

  void disown() {
    for (int node = 0; node < 3; ++node) on(node, {"CLUSTER", "DELSLOTS", kText});
  }

  static SlotSet reported(const RepairResult& result) {
    SlotSet slots;
    for (const auto& report : result.reports) slots.add(report.slots);
    return slots;
  }

  // The slot is node's, whole, and nothing is odd.
  void expect_owner(int node, int64_t count, const RepairResult& result) {
    EXPECT_FALSE(result.error) << result.error->message;
    for (const auto& report : result.reports) ADD_FAILURE() << report.reason;
    cluster.wait_until_agreed();
    EXPECT_EQ(cluster.owner_of(kSlot), node);
    EXPECT_EQ(keys(node), count);
    EXPECT_TRUE(cluster.check().clean) << cluster.check().text;
  }
};

INSTANTIATE_TEST_SUITE_P(Versions, Repair, testing::ValuesIn(rig::installed_versions()),
                         rig::version_name<testing::TestParamInfo<rig::ServerVersion>>);

TEST_P(Repair, FindsNothingOddInASoundCluster) {
  const auto result = repair();
  EXPECT_TRUE(result.steps.empty());
  expect_owner(0, 0, result);
}

TEST_P(Repair, ImportingAloneIsClosed) {
  keys_at_source(3);
  importing(1);
  expect_owner(0, 3, repair());
}

TEST_P(Repair, MigratingAloneIsClosed) {
  keys_at_source(3);
  migrating(1);
  expect_owner(0, 3, repair());
}

TEST_P(Repair, OpenOnBothSidesIsFinishedForward) {
  keys_at_source(6);
  importing(1);
  migrating(1);
  move_keys(1, 0, 2);
  expect_owner(1, 6, repair());
}

TEST_P(Repair, ATargetThatLostItsMarkIsOpenedAgain) {
  keys_at_source(6);
  importing(1);
  migrating(1);
  move_keys(1, 0, 2);
  stable(1);
  expect_owner(1, 6, repair());
}

TEST_P(Repair, KeysOnANodeThatOnlyImportsGoBackToTheOwner) {
  keys_at_source(6);
  importing(1);
  migrating(1);
  move_keys(1, 0, 2);
  stable(0);
  expect_owner(0, 6, repair());
}

TEST_P(Repair, KeysOnANodeThatOnlyImportsAreFinishedForwardWhenTheJournalSaysSo) {
  keys_at_source(6);
  importing(1);
  migrating(1);
  const auto meant = intent(1);
  move_keys(1, 0, 2);
  stable(0);
  expect_owner(1, 6, repair({meant}, false));
  EXPECT_TRUE(hooks.intents.intents().empty());
}

TEST_P(Repair, AnUnknownOutcomeOfOurOwnIsOverwritten) {
  keys_at_source(2);
  importing(1);
  migrating(1);
  put(1, 0, "an older copy");
  expect_owner(1, 2, repair({intent(1)}, false));
  EXPECT_EQ(on(1, {"GET", key_in(kSlot, 0)}).text, "v0");
}

TEST_P(Repair, EqualValuesOnBothSidesAreFinished) {
  keys_at_source(2);
  importing(1);
  migrating(1);
  put(1, 0, "v0");
  expect_owner(1, 2, repair());
}

// The order inside of a hash table is each process's own.
TEST_P(Repair, EqualTablesOnBothSidesAreFinishedThoughTheyAreWrittenInAnotherOrder) {
  rig::Arguments set{"SADD", key_in(kSlot, 0)}, hash{"HSET", key_in(kSlot, 1)};
  for (int i = 0; i < 600; ++i) {
    set.push_back("member" + std::to_string(i));
    hash.insert(hash.end(), {"field" + std::to_string(i), std::string(100, 'x')});
  }
  const auto tables_on = [&](int node) {
    auto client = cluster.node(node).connect();
    for (const auto& command : {rig::Arguments{"ASKING"}, set, {"ASKING"}, hash, {"ASKING"}})
      client.must(command);
    return client.must({"DUMP", key_in(kSlot, 0)}).text;
  };
  const auto ours = tables_on(0);
  importing(1);
  migrating(1);
  ASSERT_NE(ours, tables_on(1));
  expect_owner(1, 2, repair());
}

// Clients write to the owner's copy: it may have changed a moment after it was compared.
TEST_P(Repair, TheCopyOfAnOwnerIsNotOverwrittenByAStrangersEqualOne) {
  keys_at_source(3);
  importing(1);
  put(1, 0, "v0");
  put(1, 7, "only here");
  const auto writes = [&](const std::string& command) {
    const auto stats = on(0, {"INFO", "commandstats"}).text;
    return rig::info_field(stats, "cmdstat_" + command);
  };
  expect_owner(0, 4, repair());
  const auto restored = writes("restore") + writes("restore-asking");
  EXPECT_TRUE(restored.starts_with("calls=2,"))
      << restored << ": one was refused, one brought what it lacked";
  EXPECT_EQ(keys(1), 0);
}

TEST_P(Repair, DifferentValuesOnBothSidesStopAndSaySo) {
  keys_at_source(2);
  importing(1);
  migrating(1);
  put(1, 0, "telltale");
  const auto result = repair();
  ASSERT_TRUE(result.error);
  EXPECT_NE(result.error->message.find("1 key(s) of slot " + kText), std::string::npos)
      << result.error->message;
  EXPECT_EQ(result.error->message.find("telltale"), std::string::npos);
  EXPECT_EQ(on(0, {"GET", key_in(kSlot, 0)}).text, "v0");
}

TEST_P(Repair, AnUnownedEmptySlotIsAssigned) {
  disown();
  const auto result = repair();
  EXPECT_FALSE(result.error) << result.error->message;
  cluster.wait_until_agreed();
  EXPECT_GE(cluster.owner_of(kSlot), 0);
}

TEST_P(Repair, ASlotOfWhichTwoNodesNameEachOtherAsTheOwnerIsAssigned) {
  mark(0, "NODE", 1);  // the others, node 1 among them, go on naming node 0
  const auto result = repair();
  EXPECT_FALSE(result.error) << result.error->message;
  cluster.wait_until_agreed();
  EXPECT_GE(cluster.owner_of(kSlot), 0);
}

// Redis from 8.4 on shows no key of a slot that the node does not own: then it is for a person to judge.
TEST_P(Repair, AnUnownedSlotGoesToTheNodeThatHoldsItsKeys) {
  keys_at_source(4);
  disown();
  const auto result = repair();
  if (!GetParam().at_least(8, 4)) return expect_owner(0, 4, result);
  EXPECT_TRUE(result.steps.empty());
  EXPECT_EQ(reported(result), range(kSlot, kSlot));
  EXPECT_EQ(cluster.keys_of(0), 4);
}

TEST_P(Repair, AnUnownedSlotWhoseKeysAreOnTwoNodesIsGatheredWhereMostAre) {
  keys_at_source(6);
  importing(1);
  migrating(1);
  move_keys(1, 0, 3);
  stable(0);
  stable(1);
  disown();
  const auto result = repair();
  if (!GetParam().at_least(8, 4)) return expect_owner(1, 6, result);
  EXPECT_TRUE(result.steps.empty());
  EXPECT_EQ(reported(result), range(kSlot, kSlot));
  EXPECT_EQ(cluster.keys_of(0) + cluster.keys_of(1), 6);
}

// Gossip would settle it too, within a second or two: who comes first makes no difference to the keys.
TEST_P(Repair, OfTwoThatOwnASlotTheOneWithItsKeysStays) {
  keys_at_source(3);
  on(0, {"CLUSTER", "BUMPEPOCH"});
  const auto meant = intent(1);
  mark(1, "NODE", 1);
  expect_owner(0, 3, repair({meant}, false));
}

TEST_P(Repair, AnOpenSlotOfADeadSourceIsNamedAndNotTaken) {
  keys_at_source(6);
  importing(1);
  migrating(1);
  move_keys(1, 0, 2);
  cluster.node(0).kill_hard();
  const auto result = repair();
  EXPECT_FALSE(result.reports.empty());
  EXPECT_TRUE(std::ranges::any_of(result.reports,
                                  [](const RepairStep& report) { return report.slots.contains(kSlot); }));
  EXPECT_EQ(keys(1), 3);
  EXPECT_NE(on(1, {"CLUSTER", "NODES"}).text.find("[" + kText + "-<-"), std::string::npos);
}

TEST_P(Repair, AnOpenSlotWhoseTargetIsDeadKeepsItsMark) {
  keys_at_source(6);
  importing(1);
  migrating(1);
  move_keys(1, 0, 2);
  cluster.node(1).kill_hard();
  const auto result = repair();
  EXPECT_TRUE(std::ranges::any_of(result.reports, [](const RepairStep& report) {
    return report.slots.contains(kSlot) && report.reason.find("bring that node back") != std::string::npos;
  }));
  EXPECT_EQ(keys(0), 3);
  EXPECT_NE(on(0, {"CLUSTER", "NODES"}).text.find("[" + kText + "->-"), std::string::npos);
}

class RepairWithReplicas : public Repair {
 protected:
  RepairWithReplicas() : Repair({.primaries = 3, .replicas = 1}) {}

  int replica_of(int primary) {
    for (int node = 3; node < cluster.size(); ++node) {
      const auto role = on(node, {"ROLE"});
      if (role.elements.at(2).integer == cluster.node(primary).port()) return node;
    }
    return -1;
  }
  // Its replica is the primary then.
  int fail_over(int primary) {
    const int replica = replica_of(primary);
    on(replica, {"CLUSTER", "FAILOVER"});
    const auto is = [&](int node, const char* role) {
      return on(node, {"ROLE"}).elements.at(0).text == role;
    };
    EXPECT_TRUE(rig::wait_until([&] { return is(replica, "master") && is(primary, "slave"); },
                                rig::Milliseconds(20'000)));
    return replica;
  }
  int64_t keys_in_cluster() {
    int64_t sum = 0;
    for (int node = 0; node < cluster.size(); ++node) {
      if (on(node, {"ROLE"}).elements.at(0).text == "master") sum += keys(node);
    }
    return sum;
  }
};

INSTANTIATE_TEST_SUITE_P(Versions, RepairWithReplicas, testing::ValuesIn(rig::installed_versions()),
                         rig::version_name<testing::TestParamInfo<rig::ServerVersion>>);

// Valkey from 8.0 on replicates SETSLOT.
TEST_P(RepairWithReplicas, NoReplicaKeepsAMark) {
  keys_at_source(6);
  importing(1);
  migrating(1);
  move_keys(1, 0, 2);
  expect_owner(1, 6, repair());
  for (int node = 3; node < cluster.size(); ++node) {
    EXPECT_EQ(on(node, {"CLUSTER", "NODES"}).text.find("[" + kText), std::string::npos) << node;
  }
}

std::vector<rig::ServerVersion> versions_of(bool valkey) {
  auto all = rig::installed_versions();
  std::erase_if(all, [&](const auto& version) { return version.is_valkey() != valkey; });
  return all;
}

// Live copy's servers mark nothing anew after a failover, as Valkey does.
class RepairOfLiveCopy : public RepairWithReplicas {};
INSTANTIATE_TEST_SUITE_P(Redis, RepairOfLiveCopy, testing::ValuesIn(versions_of(false)),
                         rig::version_name<testing::TestParamInfo<rig::ServerVersion>>);

TEST_P(RepairOfLiveCopy, BeforeTheHandOverAllCopiesGoWhateverBecameOfTheSource) {
  keys_at_source(3);
  importing(1);
  put(1, 0, "old");
  put(1, 7, "deleted since");
  auto meant = intent(1);
  meant.engine = Engine::kLiveCopy;
  const int heir = fail_over(0);
  const auto result = repair({meant}, false);
  EXPECT_EQ(keys(1), 0);
  expect_owner(heir, 3, result);
}

TEST_P(RepairOfLiveCopy, OnceThatHasBegunWhatIsOnlyThereIsReportedAndStays) {
  keys_at_source(3);
  importing(1);
  put(1, 0, "v0");
  put(1, 1, "old");
  put(1, 7, "deleted since, or the last one");
  auto meant = intent(1);
  meant.engine = Engine::kLiveCopy;
  meant.begun = true;
  fail_over(0);
  const auto result = repair({meant}, false);
  ASSERT_TRUE(result.error);
  EXPECT_NE(result.error->message.find("2 key(s) of slots " + kText), std::string::npos)
      << result.error->message;
  EXPECT_EQ(keys(1), 2);
}

class RepairOfReplicas : public RepairWithReplicas {};
INSTANTIATE_TEST_SUITE_P(Valkey, RepairOfReplicas, testing::ValuesIn(versions_of(true)),
                         rig::version_name<testing::TestParamInfo<rig::ServerVersion>>);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(RepairOfReplicas);

// A full sync brings no marks and takes none away.
TEST_P(RepairOfReplicas, AMarkThatItsPrimaryHasNotIsCleared) {
  keys_at_source(3);
  const int replica = replica_of(0);
  const auto marked = [&] {
    return on(replica, {"CLUSTER", "NODES"}).text.find("[" + kText) != std::string::npos;
  };
  migrating(1);
  ASSERT_TRUE(rig::wait_until(marked, rig::Milliseconds(5000)));
  cluster.node(replica).kill_hard();
  stable(0);
  cluster.node(replica).restart();
  cluster.wait_until_agreed();
  ASSERT_TRUE(marked());
  expect_owner(0, 3, repair());
  EXPECT_FALSE(marked());
}

// What when_no_failover() rests on: a primary that waits for its replica to take over answers no script,
// while it would take a slot. The others stand still, so that nobody votes.
TEST_P(RepairWithReplicas, APrimaryWhoseReplicaTakesOverAnswersNoScriptMeanwhile) {
  const int replica = replica_of(0);
  cluster.node(1).pause();
  cluster.node(2).pause();
  on(replica, {"CLUSTER", "FAILOVER"});
  auto asked = cluster.node(0).connect(rig::Milliseconds(500));
  const auto held_back = [&] {
    try {
      cluster.node(0).connect(rig::Milliseconds(500)).command({"EVAL", "return 1", "0"});
      return false;
    } catch (const std::exception&) {
      return true;
    }
  };
  EXPECT_TRUE(rig::wait_until(held_back, rig::Milliseconds(3000)));
  if (GetParam().at_least(6, 2)) {
    EXPECT_EQ(asked.command({"CLUSTER", "MYID"}).text, id(0));
  }
  cluster.node(1).resume();
  cluster.node(2).resume();
}

TEST_P(RepairWithReplicas, ASourceThatFailedOverHasForgottenTheMove) {
  keys_at_source(6);
  importing(1);
  migrating(1);
  const auto meant = intent(1);
  move_keys(1, 0, 2);
  const int heir = fail_over(0);
  const auto result = repair({meant}, false);
  EXPECT_FALSE(result.error) << result.error->message;
  cluster.wait_until_agreed();
  const int owner = cluster.owner_of(kSlot);
  EXPECT_TRUE(owner == heir || owner == 1) << owner;
  EXPECT_EQ(keys(owner), 6);
  EXPECT_EQ(keys_in_cluster(), 6);
  EXPECT_TRUE(cluster.check().clean) << cluster.check().text;
}

// Slots without keys too: as long as it knows no owner of one of them, it serves nothing.
TEST_P(RepairWithReplicas, ATargetThatLostSightOfTheOwnersIsToldOfThemAllBeforeKeysGoBack) {
  keys_at_source(6);
  auto meant = intent(1);
  for (Slot slot = kSlot; slot < kSlot + 4; ++slot) {
    const auto text = std::to_string(slot);
    on(1, {"CLUSTER", "SETSLOT", text, "IMPORTING", id(0)});
    on(0, {"CLUSTER", "SETSLOT", text, "MIGRATING", id(1)});
    meant.slots.add(slot);
  }
  move_keys(1, 0, 2);
  const int heir = fail_over(0);
  const auto result = repair({meant}, false);
  EXPECT_FALSE(result.error) << result.error->message;
  cluster.wait_until_agreed();
  const int owner = cluster.owner_of(kSlot);
  EXPECT_TRUE(owner == heir || owner == 1) << owner;
  EXPECT_EQ(keys(owner), 6);
  EXPECT_EQ(keys_in_cluster(), 6);
  EXPECT_TRUE(cluster.check().clean) << cluster.check().text;
}

TEST_P(RepairWithReplicas, ATargetThatFailedOverIsSucceededByItsReplica) {
  keys_at_source(6);
  importing(1);
  migrating(1);
  move_keys(1, 0, 2);
  const int heir = fail_over(1);
  const auto result = repair();
  EXPECT_FALSE(result.error) << result.error->message;
  cluster.wait_until_agreed();
  const int owner = cluster.owner_of(kSlot);
  EXPECT_TRUE(owner == heir || owner == 0) << owner;
  EXPECT_EQ(keys(owner), 6);
  EXPECT_TRUE(cluster.check().clean) << cluster.check().text;
}

TEST_P(Repair, TheSourceThatHasNotHeardIsTold) {
  importing(1);
  migrating(1);
  const auto meant = intent(1);
  mark(1, "NODE", 1);  // the tool died here
  expect_owner(1, 0, repair({meant}, false));
}

TEST_P(Repair, LeavesTheOpenSlotsOfOthersAloneWithoutTheGoal) {
  keys_at_source(1);
  importing(1);
  migrating(1);
  const auto result = repair({}, false);
  EXPECT_TRUE(result.steps.empty());
  EXPECT_NE(on(0, {"CLUSTER", "NODES"}).text.find("[" + kText + "->-"), std::string::npos);
}

TEST_P(Repair, WhatADeadPrimaryOwnedIsNamedAndNotTaken) {
  cluster.node(2).kill_hard();
  const auto result = repair();
  ASSERT_EQ(result.reports.size(), 1u);
  EXPECT_EQ(result.reports.front().source, id(2));
  EXPECT_GT(result.reports.front().slots.size(), 5000);
  EXPECT_TRUE(result.steps.empty());
}

}  // namespace
}  // namespace rebalance
