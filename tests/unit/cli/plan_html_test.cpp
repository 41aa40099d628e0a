// The page of a plan: what it holds is there, and whatever a name holds stays text.
#include "cli/plan_html.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <sstream>

namespace rebalance {
namespace {

using testing::HasSubstr;
using testing::Not;

const NodeId kGiver(40, 'a');
const NodeId kTaker(40, 'b');
constexpr const char* kEvil = "\"><img src=x onerror='alert(1)'>&amp;\n<script>";

World two_nodes(const PodName& taker) {
  World world;
  world.nodes = {WorldNode{.id = kGiver, .pod = "redis-0", .limit = 100 * kMiB},
                 WorldNode{.id = kTaker, .pod = taker, .limit = 100 * kMiB}};
  return world;
}

NodeForecast forecast(const NodeId& id, const PodName& pod, Bytes now, Bytes peak, Bytes then) {
  NodeForecast node{.id = id, .pod = pod, .limit = 100 * kMiB, .ceiling = 80 * kMiB, .flood = 95 * kMiB};
  node.used = node.base = now, node.peak = peak, node.used_after = node.base_after = then;
  node.peak_batch = 1;
  node.why = pod + " gives or receives.";
  return node;
}

Plan of(int batches, const PodName& taker) {
  Plan plan{.hash = "0123456789abcdef"};
  plan.nodes = {forecast(kGiver, "redis-0", 85 * kMiB, 90 * kMiB, 85 * kMiB),
                forecast(kTaker, taker, 8 * kMiB, 61 * kMiB, 50 * kMiB)};
  plan.engines = {{kGiver, kTaker, Engine::kKeyByKey, "every version has it", ""}};
  for (int i = 0; i < batches; ++i) {
    Batch batch{.index = i, .source = kGiver, .target = kTaker, .bytes = kMiB, .keys = 1000};
    batch.slots.add({static_cast<Slot>(i), static_cast<Slot>(i)});
    plan.batches.push_back(batch);
  }
  plan.slots = batches, plan.bytes = batches * kMiB, plan.keys = 1000 * batches;
  plan.skew_before = 2, plan.skew_after = 1;
  return plan;
}

RedisRebalance named(const std::string& name) {
  RedisRebalance resource;
  resource.name = name;
  resource.name_space = "shop";
  return resource;
}

std::string page(const std::optional<Plan>& plan, const PodName& taker = "redis-1",
                 const std::vector<Finding>& findings = {}, const std::string& name = "balance") {
  return plan_html({named(name), two_nodes(taker), plan, findings, "2026-01-01T00:00:00Z"});
}

// Every element is closed in its turn; throws with what is not.
void expect_well_formed(const std::string& html) {
  static const std::regex kTag("<(/?)([a-z0-9]+)[^<>]*>");
  std::vector<std::string> open;
  for (std::sregex_iterator at(html.begin(), html.end(), kTag), end; at != end; ++at) {
    const auto name = (*at)[2].str();
    if (name == "meta") continue;
    if ((*at)[1].length() == 0) {
      open.push_back(name);
      continue;
    }
    ASSERT_FALSE(open.empty()) << name;
    ASSERT_EQ(open.back(), name) << at->position();
    open.pop_back();
  }
  EXPECT_TRUE(open.empty());
}

std::string without_style(std::string html) {
  const auto from = html.find("<style>"), to = html.find("</style>");
  return html.erase(from, to - from);
}

TEST(PlanHtml, IsTheGoldenPage) {
  std::ifstream file(SOURCE_FOLDER "/tests/data/pages/plan.html");
  std::ostringstream golden;
  golden << file.rdbuf();
  EXPECT_EQ(without_style(page(of(3, "redis-1"), "redis-1",
                               {{Severity::kWarning, "MixedVersions", "redis-1", "7.0 and 7.2", "upgrade"}})),
            golden.str());
}

TEST(PlanHtml, IsOneFileWithoutScriptsAndWithoutAnythingFromElsewhere) {
  const auto html = page(of(3, "redis-1"));
  expect_well_formed(html);
  for (const char* part :
       {"<script", "javascript:", "http://", "https://", "src=", "url(", "@import", "<link"})
    EXPECT_THAT(html, Not(HasSubstr(part)));
  EXPECT_THAT(
      html, HasSubstr("Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\""));
}

TEST(PlanHtml, WhateverANameOrAServersWordHoldsStaysText) {
  auto plan = of(2, kEvil);
  plan.hash = plan.engines[0].why = plan.engines[0].lacking = kEvil;
  plan.notes = {kEvil};
  auto refused = of(0, kEvil);
  refused.refusal = Refusal{kEvil, kEvil, kMiB, kEvil, {{kEvil, kEvil, {}, 0, {}, kEvil}}};
  const std::vector<Finding> findings = {{Severity::kBlocker, kEvil, kEvil, kEvil, kEvil}};
  for (const auto& html : {page(plan, kEvil, {}, kEvil), page(refused, kEvil, findings, kEvil),
                           page(std::nullopt, kEvil, findings, kEvil)}) {
    expect_well_formed(html);
    EXPECT_THAT(html, Not(HasSubstr("<img")));
    EXPECT_THAT(html, Not(HasSubstr("<script")));
    EXPECT_THAT(html,
                HasSubstr("&quot;&gt;&lt;img src=x onerror=&#39;alert(1)&#39;&gt;&amp;amp; &lt;script&gt;"));
  }
}

TEST(PlanHtml, AColourAndAWordTellWhichWallIsPassed) {
  auto plan = of(1, "redis-1");
  plan.nodes[1].peak = 97 * kMiB;
  const auto html = page(plan);
  EXPECT_THAT(html, HasSubstr("<td class=\"heat warn\"><b>90.0Mi</b> <span>90 %</span>"));
  EXPECT_THAT(html, HasSubstr("<small>over ceiling, batch 2</small>"));
  EXPECT_THAT(html, HasSubstr("<td class=\"heat bad\"><b>97.0Mi</b> <span>97 %</span>"));
  EXPECT_THAT(html, HasSubstr("<td class=\"heat ok1\"><b>8.0Mi</b>"));
  EXPECT_THAT(html, HasSubstr("<td class=\"heat ok4\"><b>50.0Mi</b>"));
}

TEST(PlanHtml, ARefusalSaysWhatIsShortAndEachWayOut) {
  auto plan = of(0, "redis-1");
  plan.refusal = Refusal{"Ceiling",
                         "redis-1",
                         3 * kMiB,
                         "redis-1 would need more.",
                         {{"RaiseLimit", "redis-1", {}, 0, {}, "A memory limit of 104Mi is enough."}}};
  const auto html = page(plan);
  EXPECT_THAT(html, HasSubstr("Refused by the rule Ceiling at redis-1: 3.0Mi short"));
  EXPECT_THAT(html, HasSubstr("<li><b>RaiseLimit</b> A memory limit of 104Mi is enough.</li>"));
  EXPECT_THAT(html, HasSubstr("<th>Peak, were it done</th>"));
  EXPECT_THAT(html, Not(HasSubstr("To approve it")));
}

TEST(PlanHtml, WithoutAPlanItShowsMemoryAsItIsAndWhatStandsInTheWay) {
  const auto html =
      page(std::nullopt, "redis-1", {{Severity::kBlocker, "OpenSlots", "redis-0", "slots 7", "repair"}});
  EXPECT_THAT(html, HasSubstr("<h2>Blocked by OpenSlots</h2><p>redis-0: slots 7; repair</p>"));
  EXPECT_THAT(html, HasSubstr("<b>redis-1</b>"));
  EXPECT_THAT(html, Not(HasSubstr("<th>Peak")));
}

TEST(PlanHtml, OfManyBatchesTheFirstAreShownAndTheRestCounted) {
  EXPECT_THAT(page(of(500, "redis-1")), Not(HasSubstr("more</p>")));
  EXPECT_THAT(page(of(503, "redis-1")), HasSubstr("and 3 more</p>"));
}

}  // namespace
}  // namespace rebalance
