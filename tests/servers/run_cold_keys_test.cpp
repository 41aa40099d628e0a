// spec.coldKeys in a whole run: what is counted, named and deleted, and that it is only what was asked for.
#include <nlohmann/json.hpp>

#include "servers/run_rig.h"

namespace rebalance {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

const std::string kSlots = "0-1999";

// Two primaries; every third key is idle for 40 days.
class RunColdKeys : public testing::TestWithParam<rig::ServerVersion> {
 protected:
  RunColdKeys() : cluster_(GetParam(), {.primaries = 2, .empty_primaries = 1}), work_(cluster_) {
    rig::fill(cluster_.seed(), {.keys = 3000, .ttl_share = 0});
    before_ = rig::digest(cluster_.seed());  // which uses every key
    make_old();
  }
  void make_old() {
    old_.clear();
    for (int node = 0; node < 2; ++node) make_old(cluster_.node(node));
  }

  void make_old(const rig::Server& server) {
    auto client = server.connect();
    int count = 0;
    for (std::string cursor = "0"; count == 0 || cursor != "0";) {
      const auto page = client.must({"SCAN", cursor, "COUNT", "500"});
      cursor = page.elements.at(0).text;
      for (const auto& key : page.elements.at(1).elements) {
        if (++count % 3 != 0) continue;
        const auto payload = client.must({"DUMP", key.text}).text;
        client.must({"RESTORE", key.text, "0", payload, "REPLACE", "IDLETIME", "3456000"});
        old_.insert(key.text);
      }
    }
  }

  // Old keys of the slots that move, which is all of them at node 0 and in kSlots.
  std::vector<std::string> old_in_move() {
    auto client = cluster_.node(0).connect();
    std::vector<std::string> keys;
    for (const auto& key : old_) {
      const auto slot = client.must({"CLUSTER", "KEYSLOT", key}).integer;
      if (slot <= 1999) keys.push_back(key);
    }
    return keys;
  }

  rig::Finished move(const std::string& cold, const std::vector<std::string>& more = {}) {
    work_.aim(move_of(kSlots, "redis-2"), "coldKeys: " + cold + "\n");
    return work_.run(more);
  }
  json noted() const { return json::parse(rig::read_file(work_.state() / "cold-keys.json")); }

  rig::TestCluster cluster_;
  Work work_;
  rig::ClusterDigest before_;
  std::set<std::string> old_;
};
INSTANTIATE_TEST_SUITE_P(Run, RunColdKeys, testing::ValuesIn(rig::installed_versions()),
                         rig::version_name<testing::TestParamInfo<rig::ServerVersion>>);

class RunColdKeysOnce : public RunColdKeys {};
INSTANTIATE_TEST_SUITE_P(Run, RunColdKeysOnce, testing::Values(rig::version_named("r70")),
                         rig::version_name<testing::TestParamInfo<rig::ServerVersion>>);

TEST_P(RunColdKeysOnce, AreReportedByDefaultAndStay) {
  work_.aim(move_of(kSlots, "redis-2"));
  const auto finished = work_.run();
  ASSERT_EQ(finished.exit_code, kDone) << finished.out;
  EXPECT_THAT(finished.out, HasSubstr("keys were not used for 30 days"));
  const json pod = noted().at("pods").at(0);
  EXPECT_EQ(pod["pod"], "redis-0");
  EXPECT_EQ(pod["slots"], kSlots);
  EXPECT_EQ(pod["deleted"], 0);
  EXPECT_FALSE(pod.contains("names"));
  EXPECT_GT(pod["cold"], 0);
  expect_same_data(before_, rig::digest(cluster_.seed()));
  expect_clean(cluster_);
}

TEST_P(RunColdKeys, AreDeletedOnlyWhereTheInstallationAllowsItAndOnlyThose) {
  const auto refused = move("{action: Delete}");
  EXPECT_EQ(refused.exit_code, kRefused) << refused.out;
  EXPECT_THAT(refused.out, HasSubstr("DeletionNotAllowed"));
  expect_same_data(before_, rig::digest(cluster_.seed()));

  make_old();
  const auto old = old_in_move();
  const auto finished = move("{action: Delete, listNames: Always}", {"--allow-cold-key-deletion"});
  ASSERT_EQ(finished.exit_code, kDone) << finished.out;
  EXPECT_THAT(finished.out, HasSubstr("nobody used for long"));
  auto left = before_;
  for (const auto& key : old) EXPECT_EQ(left.keys.erase(key), 1U);
  expect_same_data(left, rig::digest(cluster_.seed()));
  const json pod = noted().at("pods").at(0);
  EXPECT_EQ(pod["deleted"], old.size());
  EXPECT_EQ(pod["cold"], old.size());
  EXPECT_EQ(pod["names"].size(), old.size());
  EXPECT_FALSE(pod.contains("deleting"));
  expect_clean(cluster_);
}

TEST_P(RunColdKeysOnce, ARollBackDeletesNothing) {
  ASSERT_EQ(move("{idleSeconds: 2592000}").exit_code, kDone);
  work_.amend("coldKeys: {action: Delete, idleSeconds: 1}\nexecution: RollBack\n");
  const auto before = rig::digest(cluster_.seed());
  std::this_thread::sleep_for(rig::Milliseconds(2000));
  const auto finished = work_.run({"--allow-cold-key-deletion"});
  ASSERT_EQ(finished.exit_code, kDone) << finished.out;
  expect_same_data(before, rig::digest(cluster_.seed()));
}

TEST_P(RunColdKeysOnce, AreSaidToBeUnknownUnderAnLfuPolicy) {
  for (int i = 0; i < cluster_.size(); ++i)
    cluster_.command(i, {"CONFIG", "SET", "maxmemory-policy", "allkeys-lfu"});
  const auto before = rig::digest(cluster_.seed());
  work_.aim(move_of(kSlots, "redis-2"), "coldKeys: {action: Delete}\n");
  const auto checked = rig::run({PROGRAM, "check", "-f", work_.manifests().string()});
  EXPECT_THAT(checked.out, HasSubstr("IdleTimeUnknown"));
  const auto finished = work_.run({"--allow-cold-key-deletion"});
  EXPECT_EQ(finished.exit_code, kDone) << finished.out;
  EXPECT_THAT(finished.out, HasSubstr("the cold keys of redis-0 are not known"));
  expect_same_data(before, rig::digest(cluster_.seed()));
}

}  // namespace
}  // namespace rebalance
