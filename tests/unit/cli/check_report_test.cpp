#include "cli/check_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/pod_findings.h"
#include "cli/yaml_text.h"

namespace rebalance {
namespace {

using testing::Contains;
using testing::Field;
using testing::HasSubstr;

World one_node(Bytes rss, Bytes limit) {
  WorldNode node{.id = std::string(40, 'a'), .pod = "redis-0"};
  node.limit = limit;
  node.memory.rss = rss;
  World world;
  world.nodes = {node};
  return world;
}

PodState pod_of(Bytes limit) {
  PodState pod{.name = "redis-0"};
  pod.limit = limit;
  return pod;
}

std::vector<std::string> names(const std::vector<Finding>& findings) {
  std::vector<std::string> out;
  for (const auto& finding : findings) out.push_back(finding.name);
  return out;
}

TEST(PodFindings, AHealthyPodGivesNone) {
  EXPECT_THAT(pod_findings({pod_of(100 * kMiB)}, one_node(50 * kMiB, 100 * kMiB), {}), testing::IsEmpty());
}

TEST(PodFindings, APodWithoutALimitIsABlockerUnlessOneIsAssumed) {
  const auto world = one_node(50 * kMiB, 0);
  const auto refused = pod_findings({pod_of(0)}, world, {});
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].name, "NoLimit");
  EXPECT_EQ(refused[0].severity, Severity::kBlocker);
  EXPECT_THAT(names(pod_findings({pod_of(0)}, world, {.assumed_limit = kGiB})),
              testing::ElementsAre("LimitAssumed"));
}

TEST(PodFindings, MemoryIsComparedWithBothWatermarks) {
  const auto at = [](Bytes rss) {
    return names(pod_findings({pod_of(100 * kMiB)}, one_node(rss, 100 * kMiB), {}));
  };
  EXPECT_THAT(at(85 * kMiB), testing::IsEmpty());
  EXPECT_THAT(at(86 * kMiB), testing::ElementsAre("AboveHighWatermark"));
  EXPECT_THAT(at(96 * kMiB), testing::ElementsAre("AboveFlood"));
}

TEST(PodFindings, AMaxmemoryThatTheLimitCannotHoldIsSaid) {
  auto world = one_node(50 * kMiB, 100 * kMiB);
  world.nodes[0].memory.maxmemory = 96 * kMiB;
  EXPECT_THAT(names(pod_findings({pod_of(100 * kMiB)}, world, {})),
              testing::ElementsAre("MaxmemoryAboveLimit"));
}

TEST(PodFindings, WhatHappenedToThePodIsSaid) {
  auto pod = pod_of(100 * kMiB);
  pod.ready = false;
  pod.oom_killed = true;
  pod.restart_count = 3;
  auto world = one_node(1, 100 * kMiB);
  world.nodes[0].deleting = true;
  EXPECT_THAT(names(pod_findings({pod}, world, {})),
              testing::ElementsAre("PodDeleting", "NotReady", "OomKilledBefore"));
}

TEST(PodFindings, AnotherOperatorIsNamedOnceWithWhatKeepsItQuiet) {
  auto pod = pod_of(100 * kMiB);
  pod.operated_by = "OT-CONTAINER-KIT redis-operator";
  auto other = pod;
  other.name = "redis-1";
  const auto findings = pod_findings({pod, other, pod_of(100 * kMiB)}, one_node(50 * kMiB, 100 * kMiB), {});
  ASSERT_THAT(names(findings), testing::ElementsAre("OtherOperator"));
  EXPECT_EQ(findings[0].severity, Severity::kWarning);
  EXPECT_EQ(findings[0].evidence,
            "2 of 3 pods are run by OT-CONTAINER-KIT redis-operator (label redis_setup_type=cluster), which "
            "moves slots itself");
  EXPECT_THAT(findings[0].remedy, HasSubstr("rediscluster.opstreelabs.in/skip-reconcile=true"));
}

TEST(Arranged, BlockersComeFirstRepeatsGoAndWhatIsWellIsSaid) {
  const Finding warning{Severity::kWarning, "MixedVersions", "", "7.0 and 8.0", ""};
  const Finding blocker{Severity::kBlocker, "OpenSlots", "redis-0", "slot 7", ""};
  const auto all = arranged({warning, blocker, blocker}, one_node(1, 1));
  EXPECT_EQ(all[0], blocker);
  EXPECT_EQ(all[1], warning);
  EXPECT_EQ(all[2].severity, Severity::kOk);
  EXPECT_THAT(names(all), Contains("Reachable"));
  EXPECT_THAT(names(all), testing::Not(Contains("NoOpenSlots")));
}

CheckReport blocked() {
  CheckReport report;
  report.findings = {{Severity::kBlocker, "OpenSlots", "redis-0", "slot 7 is migrating", "repair it"},
                     {Severity::kOk, "Limits", "", "6 pods have a memory limit", ""}};
  return report;
}

TEST(CheckReport, ShowsEvidenceAndRemedyOfEachFinding) {
  EXPECT_EQ(check_text(blocked()),
            "RESULT   FINDING    WHERE    EVIDENCE\n"
            "blocker  OpenSlots  redis-0  slot 7 is migrating\n"
            "                             -> repair it\n"
            "ok       Limits              6 pods have a memory limit\n"
            "\n1 blocker, 0 warnings\n");
}

TEST(CheckReport, WhatIsSaidOfManyPodsIsOneRow) {
  CheckReport report;
  for (const char* pod : {"redis-3", "redis-0"})
    report.findings.push_back({Severity::kWarning, "NotReady", pod, "not ready", ""});
  EXPECT_THAT(check_text(report),
              HasSubstr("warning  NotReady  redis-0, redis-3  not ready\n\n0 blockers, 2 warnings\n"));
}

TEST(CheckReport, OnlyABlockerBlocks) {
  auto report = blocked();
  EXPECT_TRUE(report.blocked());
  report.findings[0].severity = Severity::kWarning;
  EXPECT_FALSE(report.blocked());
}

TEST(CheckReport, APodThatIsShortGetsASentenceAndAPatch) {
  auto report = blocked();
  report.container = "valkey";
  Steady steady{.limit = 128 * kMiB, .request = 128 * kMiB, .maxmemory = 100};
  steady.pods = {{.pod = "redis-0", .take_over = {.can = false, .sentence = "takes 40Mi of redis-1"}}};
  report.steady = steady;
  const auto text = check_text(report);
  EXPECT_THAT(text, testing::ContainsRegex("redis-0  primary +none  yes        NO         yes"));
  EXPECT_THAT(text, HasSubstr("redis-0: takes 40Mi of redis-1"));
  EXPECT_THAT(text, HasSubstr("      - name: valkey\n        resources:\n          requests: {memory: "
                              "128Mi}\n          limits: {memory: 128Mi}\n"));
  EXPECT_THAT(text, HasSubstr("maxmemory 100\n"));
}

TEST(CheckReport, ASufficientClusterNeedsNoPatch) {
  auto report = blocked();
  report.steady = Steady{.pods = {{.pod = "redis-0"}}};
  EXPECT_THAT(check_text(report), testing::Not(HasSubstr("limits:")));
}

TEST(CheckReport, ListsBigKeysWithEscapedNames) {
  auto report = blocked();
  report.big_keys = {
      {.key = std::string("a\0\"\xff", 4), .type = "hash", .bytes = 12 * kMiB, .slot = 7, .pod = "redis-0"}};
  report.big_key_threshold = 10 * kMiB;
  EXPECT_THAT(check_text(report), HasSubstr("   7  redis-0  hash  12.0Mi  a\\x00\\\"\\xff\n"));
  const auto json = nlohmann::json::parse(check_json(report));
  EXPECT_EQ(json["bigKeys"][0]["key"], "a\\x00\\\"\\xff");
  EXPECT_EQ(json["bigKeys"][0]["bytes"], 12 * kMiB);
  EXPECT_TRUE(json["blocked"]);
}

TEST(Yaml, MapsAndListsAreBlocksAndDoubtfulStringsAreQuoted) {
  EXPECT_EQ(
      yaml_of_json(
          R"({"a":1,"b":[],"c":{"d":"no","e":["x y",null,{"f":true,"g":"redis-0"}]},"h":"1e3","i":[[1]]})"),
      "a: 1\n"
      "b: []\n"
      "c:\n"
      "  d: \"no\"\n"
      "  e:\n"
      "    - \"x y\"\n"
      "    - null\n"
      "    - f: true\n"
      "      g: redis-0\n"
      "h: \"1e3\"\n"
      "i:\n"
      "  -\n"
      "    - 1\n");
}

}  // namespace
}  // namespace rebalance
