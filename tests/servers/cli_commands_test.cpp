// What the commands do on a real cluster when the input is good.
#include <nlohmann/json.hpp>

#include "servers/cli_rig.h"

namespace rebalance {
namespace {

using testing::HasSubstr;
using Json = nlohmann::json;

struct Commands : testing::Test {
  static void SetUpTestSuite() { cluster = lopsided(); }
  static void TearDownTestSuite() { cluster.reset(); }
  static std::unique_ptr<rig::TestCluster> cluster;
  rig::TempFolder folder;

  void SetUp() override {
    rig::write_manifests(folder.path(), *cluster, {.goal = kBalance, .spec = kEagerSpec});
  }

  rig::Finished good(const std::string& command, const std::vector<std::string>& more = {}) {
    const auto finished = program(command, folder.path(), more);
    EXPECT_EQ(finished.exit_code, 0) << command << "\n" << finished.out << finished.err;
    return finished;
  }
};
std::unique_ptr<rig::TestCluster> Commands::cluster;

TEST_F(Commands, PlanAndCheckSendNoCommandThatWrites) {
  Untouched untouched(*cluster);
  for (const char* format : {"table", "json", "yaml"}) {
    good("plan", {"-o", format});
    good("check", {"-o", format});
  }
  good("check", {"--big-keys"});
  good("plan", {"--save", (folder.path() / "world").string()});
  untouched.expect("plan and check");
}

// Of one observation: two looks at a live cluster differ by some KiB, and so may their plans.
TEST_F(Commands, ThePlanOfOneWorldIsTheSameEachTimeAndInEachForm) {
  const auto world = (folder.path() / "world").string();
  good("plan", {"--save", world});
  const auto first = Json::parse(good("plan", {"-o", "json", "--from", world}).out);
  const auto again = Json::parse(good("plan", {"-o", "json", "--from", world}).out);
  EXPECT_EQ(first, again);
  EXPECT_GT(first["slots"], 0);
  EXPECT_THAT(good("plan", {"--from", world}).out, HasSubstr(first["hash"].get<std::string>()));
  EXPECT_THAT(good("plan", {"-o", "yaml", "--from", world}).out,
              HasSubstr("\nslots: " + first["slots"].dump() + "\n"));
}

TEST_F(Commands, ASavedWorldIsPlannedOnWithoutAServer) {
  const auto world = (folder.path() / "world").string();
  const auto observed = Json::parse(good("plan", {"-o", "json", "--save", world}).out);
  Untouched untouched(*cluster);
  const auto rehearsed = Json::parse(good("plan", {"-o", "json", "--from", world}).out);
  EXPECT_EQ(rehearsed["hash"], observed["hash"]);
  for (int i = 0; i < cluster->size(); ++i) cluster->node(i).pause();
  const auto alone = program("plan", folder.path(), {"--from", world});
  for (int i = 0; i < cluster->size(); ++i) cluster->node(i).resume();
  EXPECT_EQ(alone.exit_code, 0) << alone.err;
  untouched.expect("plan --from");
}

TEST_F(Commands, ARehearsalWithSmallerLimitsIsRefused) {
  const auto world = (folder.path() / "world").string();
  good("plan", {"--save", world});
  rig::write_manifests(folder.path(), *cluster,
                       {.goal = kBalance, .spec = kEagerSpec, .default_limit = 8 << 20});
  const auto refused = program("plan", folder.path(), {"--from", world});
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_THAT(refused.out, HasSubstr("Refused by the rule"));
}

TEST_F(Commands, CheckNamesABlockerAndExitsWithThree) {
  const int owner = cluster->owner_of(42);
  cluster->command(owner, {"CLUSTER", "SETSLOT", "42", "MIGRATING", cluster->node_id(3)});
  const auto blocked = program("check", folder.path(), {"-o", "json"});
  cluster->command(owner, {"CLUSTER", "SETSLOT", "42", "STABLE"});
  EXPECT_EQ(blocked.exit_code, 3);
  const auto json = Json::parse(blocked.out);
  EXPECT_TRUE(json["blocked"]);
  EXPECT_EQ(json["findings"][0]["name"], "OpenSlots");
  EXPECT_NE(json["findings"][0]["remedy"], "");
}

TEST_F(Commands, VerifyIsTheGateBeforeAndAfterAMove) {
  rig::TestCluster own(rig::version_named("r70"), {.primaries = 2, .empty_primaries = 1});
  fill_well(own);
  rig::write_manifests(folder.path(), own, {.goal = kBalance, .spec = kEagerSpec});
  const auto before = program("check", folder.path(), {"--verify"});
  EXPECT_EQ(before.exit_code, 3);
  EXPECT_THAT(before.out, HasSubstr("GoalNotReached"));
  good("run");
  EXPECT_THAT(good("check", {"--verify"}).out, HasSubstr("GoalReached"));
}

TEST_F(Commands, BigKeysOfSlotsThatMoveAreListed) {
  rig::TestCluster own(rig::version_named("r70"), {.primaries = 2, .empty_primaries = 1});
  const int slot = rig::key_slot("a big\none");
  rig::write_big_hash(own.seed(), "a big\none", 12 << 20);
  rig::write_manifests(
      folder.path(), own,
      {.goal = "type: Move\nmove: {assignments: [{slots: \"" + std::to_string(slot) + "\", to: redis-2}]}",
       .spec = kEagerSpec});
  const auto json = Json::parse(good("check", {"--big-keys", "-o", "json"}).out);
  ASSERT_EQ(json["bigKeys"].size(), 1U);
  EXPECT_EQ(json["bigKeys"][0]["key"], "a big\\none");
  EXPECT_EQ(json["bigKeys"][0]["type"], "hash");
  EXPECT_EQ(json["bigKeys"][0]["slot"], slot);
  EXPECT_GT(json["bigKeys"][0]["bytes"], 10 << 20);
}

TEST_F(Commands, StandardInputIsReadOnce) {
  const auto text = rig::read_file(folder.path() / "rebalance.yaml") + "---\n" +
                    rig::read_file(folder.path() / "pods.yaml");
  const auto finished =
      rig::run({PROGRAM, "plan", "-f", "-"},
               {.input = text, .environment = {{"XDG_STATE_HOME", (folder.path() / "state").string()}}});
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
}

TEST_F(Commands, RunTellsItsEventsAndItsEnd) {
  rig::TestCluster own(rig::version_named("r70"), {.primaries = 2, .empty_primaries = 1});
  fill_well(own);
  rig::write_manifests(folder.path(), own, {.goal = kBalance, .spec = kEagerSpec});
  std::istringstream lines(good("run", {"-o", "json"}).out);
  std::vector<Json> events;
  for (std::string line; std::getline(lines, line);) events.push_back(Json::parse(line));
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(std::ranges::count(events, "plan", [](const auto& event) { return event["event"]; }), 1);
  const auto& last = events.back();
  EXPECT_EQ(last["event"], "summary");
  EXPECT_EQ(last["exitCode"], 0);
  EXPECT_EQ(last["slotsMoved"], own.slots_of(2));
  EXPECT_GT(last["keysMoved"], 0);
  for (const auto& pod : last["pods"]) EXPECT_GT(pod["peakBytes"], 0);
}

TEST_F(Commands, ASecondRunFindsNothingToDo) {
  rig::TestCluster own(rig::version_named("r70"), {.primaries = 2, .empty_primaries = 1});
  fill_well(own);
  rig::write_manifests(folder.path(), own, {.goal = kBalance, .spec = kEagerSpec});
  good("run");
  Untouched untouched(own);
  good("run");
  untouched.expect("the second run");
}

// The steps of docs/ci.md, word by word.
std::string pipeline() {
  std::istringstream lines(rig::read_file(std::filesystem::path(SOURCE_FOLDER) / "docs/ci.md"));
  std::string script = "set -euo pipefail\n";
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("```"))
      inside = line == "```sh";
    else if (inside)
      script += line + "\n";
  }
  return script;
}

TEST(Pipeline, TheStepsOfTheDocumentDoWhatItSays) {
  rig::TestCluster cluster(rig::version_named("r70"), {.primaries = 2, .empty_primaries = 1});
  fill_well(cluster);
  const rig::TempFolder folder;
  rig::write_manifests(
      folder.path() / "manifests", cluster,
      {.goal = kBalance,
       .spec =
           "approval: {mode: Manual}\nsafety: {replicas: Ignore, persistence: Ignore}\nobserveSeconds: 0\n"});
  std::filesystem::create_directories(folder.path() / "bin");
  std::filesystem::create_symlink(PROGRAM, folder.path() / "bin" / "redis-rebalance");
  const auto finished =
      rig::run({"bash", "-c", pipeline()},
               {.environment = {{"PATH", (folder.path() / "bin").string() + ":/usr/bin:/bin"}},
                .folder = folder.path()});
  EXPECT_EQ(finished.exit_code, 0) << finished.out << finished.err;
  EXPECT_THAT(rig::read_file(folder.path() / "events.json"), HasSubstr("\"event\":\"summary\""));
  EXPECT_GT(cluster.slots_of(2), 4000);
  EXPECT_TRUE(cluster.check().clean);
}

}  // namespace
}  // namespace rebalance
