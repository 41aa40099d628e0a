// explain, and the page of a plan, as a person types them: on a real cluster, and on what was kept of it.
#include <nlohmann/json.hpp>
#include <regex>

#include "servers/cli_rig.h"

namespace rebalance {
namespace {

using testing::HasSubstr;

struct ExplainCommand : testing::Test {
  static void SetUpTestSuite() { cluster = lopsided(); }
  static void TearDownTestSuite() { cluster.reset(); }
  static std::unique_ptr<rig::TestCluster> cluster;
  rig::TempFolder folder;
  std::string world = (folder.path() / "world").string();

  void SetUp() override { write(kEagerSpec); }

  void write(const std::string& spec, std::int64_t limit = 256LL << 20,
             const std::string& goal = kBalance) const {
    rig::write_manifests(folder.path(), *cluster, {.goal = goal, .spec = spec, .default_limit = limit});
  }
  rig::Finished explain(const std::vector<std::string>& more = {}) const {
    return program("explain", folder.path(), more);
  }
  void keep_world() const { ASSERT_EQ(program("plan", folder.path(), {"--save", world}).exit_code, 0); }
};
std::unique_ptr<rig::TestCluster> ExplainCommand::cluster;

TEST_F(ExplainCommand, SaysOfEachPodWhatItGivesOrReceivesAndSendsNoCommandThatWrites) {
  Untouched untouched(*cluster);
  const auto done = explain();
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("Nothing stands in the way: plan "));
  for (const char* pod : {"redis-0", "redis-1", "redis-2"})
    EXPECT_THAT(done.out, testing::ContainsRegex(std::string("\n  ") + pod +
                                                 " gives [0-9]+ slots .* to redis-3: it holds "));
  EXPECT_THAT(done.out, HasSubstr("\n  redis-3 receives "));
  EXPECT_THAT(done.out, HasSubstr(" of a limit of 256.0Mi; at most "));
  EXPECT_THAT(done.out, HasSubstr("LiveCopy, Redis 7.0"));
  untouched.expect("explain");
}

TEST_F(ExplainCommand, ASlotGoesWhereThePlanSaysOrStaysWithItsOwner) {
  keep_world();
  const auto plan = program("plan", folder.path(), {"--from", world}).out;
  std::smatch batch;  // its last row: "4  redis-0  redis-3  359 3.6Mi 3,274  5102-5460"
  ASSERT_TRUE(std::regex_search(plan, batch, std::regex("\n +1  (redis-[0-2])  redis-3 .*  ([0-9]+)")));
  const auto moves = explain({"--from", world, "--slot", batch[2]});
  EXPECT_EQ(moves.exit_code, 0) << moves.err;
  EXPECT_THAT(moves.out, HasSubstr("\nSlot " + batch[2].str() + " goes from " + batch[1].str() +
                                   " to redis-3 in batch 1 of "));
  const auto stays = explain({"--from", world, "--slot", "0"});
  EXPECT_THAT(stays.out,
              HasSubstr("\nSlot 0 stays at redis-" + std::to_string(cluster->owner_of(0)) + "; it holds "));
}

TEST_F(ExplainCommand, EndsAsRunWouldAndSaysWhatWouldChangeThat) {
  keep_world();
  const auto from_world = [&](const std::string& what, int code, const std::string& sentence) {
    const auto done = explain({"--from", world});
    EXPECT_EQ(done.exit_code, code) << what << "\n" << done.out << done.err;
    EXPECT_THAT(done.out, HasSubstr(sentence)) << what;
  };
  write("approval: {mode: Manual}\nsafety: {replicas: Ignore, persistence: Ignore}\n");
  from_world("approval", 6, "AwaitingApproval (ApprovalNeeded): plan ");
  write(std::string(kEagerSpec) + "execution: Paused\n");
  from_world("paused", 5, "Paused (Paused): spec.execution is Paused: nothing moves until it is Run again");
  from_world("paused, with the plan all the same", 5, "\n  redis-3 receives ");
  write(kEagerSpec, 8 << 20);
  from_world("small limits", 3, "\nEach of these would be enough:\n  RaiseLimit: A memory limit of ");
  write(kEagerSpec, 256LL << 20, "type: Drain\ndrain: {pods: [redis-9]}");
  from_world("a goal that names what is not there", 2,
             "Refused (InvalidGoal): goal.drain.pods: pod redis-9 is not part");
}

TEST_F(ExplainCommand, WhatStandsInTheWayIsNamedAndNoPlanIsShown) {
  const int owner = cluster->owner_of(42);
  cluster->command(owner, {"CLUSTER", "SETSLOT", "42", "MIGRATING", cluster->node_id(3)});
  const auto done = explain({"--pod", "redis-3"});
  cluster->command(owner, {"CLUSTER", "SETSLOT", "42", "STABLE"});
  EXPECT_EQ(done.exit_code, 3) << done.err;
  EXPECT_THAT(done.out, HasSubstr("Refused (OpenSlots): "));
  EXPECT_THAT(done.out, testing::Not(HasSubstr("receives")));
  EXPECT_THAT(done.out, HasSubstr("\nIt uses "));
}

TEST_F(ExplainCommand, AsJsonItIsOneDocumentOfTheSameFacts) {
  keep_world();
  const auto text = explain({"--from", world}), same = explain({"--from", world, "-o", "json"});
  EXPECT_EQ(same.exit_code, text.exit_code) << same.err;
  const auto document = nlohmann::json::parse(same.out);
  ASSERT_EQ(document["pods"].size(), 4U);
  for (const auto& pod : document["pods"]) {
    EXPECT_THAT(text.out, HasSubstr("  " + pod["why"].get<std::string>() + "\n"));
    EXPECT_THAT(text.out, HasSubstr("    " + pod["memory"].get<std::string>() + "\n"));
    EXPECT_EQ(pod["limitBytes"], 256 << 20);
  }
  EXPECT_THAT(text.out, HasSubstr("plan " + document["plan"]["hash"].get<std::string>() + " moves "));
  EXPECT_THAT(explain({"--from", world, "-o", "yaml"}).out, HasSubstr("\nexitCode: 0\n"));
  const auto unknown = explain({"-o", "json", "--pod", "redis-9"});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_EQ(unknown.out, "");
}

TEST_F(ExplainCommand, AnUnknownPodIsInvalidInput) {
  const auto done = explain({"--pod", "redis-9"});
  EXPECT_EQ(done.exit_code, 2);
  EXPECT_EQ(done.out, "");
  EXPECT_THAT(
      done.err,
      HasSubstr(
          "pod redis-9 is not part of the cluster; its pods are redis-0, redis-1, redis-2 and redis-3"));
}

TEST_F(ExplainCommand, ThePageOfAPlanIsWrittenWholeOrNotAtAll) {
  const auto page = folder.path() / "plan.html";
  rig::write_file(page, "before");
  const auto done = program("plan", folder.path(), {"--html", page.string()});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("To move: "));
  EXPECT_THAT(rig::read_file(page), testing::StartsWith("<!DOCTYPE html>"));
  EXPECT_THAT(rig::read_file(page), testing::EndsWith("</html>\n"));
  EXPECT_THAT(rig::read_file(page), HasSubstr("redis-3 receives "));
  for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
    EXPECT_NE(entry.path().extension(), ".new") << entry.path();
  const auto nowhere =
      program("plan", folder.path(), {"--html", (folder.path() / "no" / "plan.html").string()});
  EXPECT_EQ(nowhere.exit_code, 2);
  EXPECT_THAT(nowhere.err, HasSubstr("plan.html: cannot be written: No such file or directory"));
}

}  // namespace
}  // namespace rebalance
