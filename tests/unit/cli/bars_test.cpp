#include "cli/bars.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rebalance {
namespace {

PairView pair(const char* source, const char* target, int done, bool running) {
  PairView view{.source = source, .target = target};
  view.slots_done = done;
  view.slots_total = 100;
  view.keys_done = done * 10;
  view.keys_total = 1000;
  view.bytes_done = done * kMiB;
  view.bytes_total = 100 * kMiB;
  view.running = running;
  return view;
}

PodView pod(const char* name, Bytes base) {
  return {.pod = name, .limit = 100 * kMiB, .ceiling = 80 * kMiB, .base = base, .peak = base};
}

RunView two_pairs() {
  RunView view{.state = State::kRebalancing};
  view.pairs = {pair("redis-0", "redis-3", 100, false), pair("redis-1", "redis-3", 25, true)};
  view.pods = {pod("redis-0", 60 * kMiB), pod("redis-3", 70 * kMiB)};
  view.slots_done = 125;
  view.slots_total = 200;
  view.bytes_done = 125 * kMiB;
  view.bytes_total = 200 * kMiB;
  return view;
}

TEST(Bar, FillsInProportion) {
  EXPECT_EQ(bar(0, 1, 4, false), "....");
  EXPECT_EQ(bar(0.5, 1, 4, false), "##..");
  EXPECT_EQ(bar(1, 1, 4, false), "####");
}

TEST(Bar, StaysWithinItsColumnsWhateverTheFigures) {
  EXPECT_EQ(bar(9, 1, 4, false), "####");
  EXPECT_EQ(bar(-1, 1, 4, false), "....");
  EXPECT_EQ(bar(1, 0, 4, false), "....");
}

TEST(Bar, MarksTheCeilingInsideAndOutsideOfWhatIsFull) {
  EXPECT_EQ(bar(2, 10, 10, false, 8), "##......|.");
  EXPECT_EQ(bar(10, 10, 10, false, 8), "########|#");
  EXPECT_EQ(bar(2, 10, 10, false, 10), "##.......|");
}

TEST(Bar, DrawsBlocksWhereTheTerminalHasThem) { EXPECT_EQ(bar(1, 2, 4, true, 1.5), "██░│"); }

TEST(Picture, ShowsTheSumEachPairAndTheFullestPod) {
  const auto lines = picture(two_pairs(), {.columns = 120, .utf8 = false});
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[0], "Rebalancing  125 of 200 slots, 125.0Mi of 200.0Mi");
  EXPECT_THAT(lines[1], testing::HasSubstr("redis-1 -> redis-3"));
  EXPECT_THAT(lines[1], testing::HasSubstr("25 %  250/1,000 keys  25.0Mi/100.0Mi"));
  EXPECT_THAT(lines[2], testing::HasSubstr("ETA done"));
  EXPECT_THAT(lines[3], testing::HasSubstr("fullest redis-3"));
  EXPECT_THAT(lines[3], testing::HasSubstr("70.0Mi of 100.0Mi (70 %), ceiling 80.0Mi"));
  EXPECT_THAT(lines[3], testing::HasSubstr("|"));
}

TEST(Picture, IsNeverWiderOrHigherThanTheWindow) {
  auto view = two_pairs();
  for (int i = 0; i < 40; ++i)
    view.pairs.push_back(pair("a-long-pod-name-0", "another-long-pod-name-1", 1, true));
  for (const int columns : {20, 40, 80, 200}) {
    for (const int rows : {5, 10, 24}) {
      const auto lines = picture(view, {.columns = columns, .rows = rows});
      EXPECT_LT(static_cast<int>(lines.size()), rows);
      for (const auto& line : lines) EXPECT_LE(display_width(line), columns) << line;
    }
  }
}

TEST(Picture, CountsThePairsThatFindNoRoom) {
  auto view = two_pairs();
  view.pairs.insert(view.pairs.end(), 10, pair("a", "b", 100, false));
  const auto lines = picture(view, {.columns = 100, .rows = 6});
  EXPECT_THAT(lines, testing::Contains("and 10 pairs more, 10 of them done"));
}

TEST(Picture, APodWithoutALimitIsNeverTheFullest) {
  auto view = two_pairs();
  view.pods = {{.pod = "free", .base = 10 * kGiB}, pod("redis-1", kMiB)};
  EXPECT_EQ(fullest(view.pods)->pod, "redis-1");
  view.pods.pop_back();
  EXPECT_EQ(fullest(view.pods), nullptr);
}

TEST(ProgressLine, SaysTheSumAndTheFullestPod) {
  EXPECT_EQ(
      progress_line(two_pairs()),
      "Rebalancing  125 of 200 slots, 125.0Mi of 200.0Mi; fullest redis-3: 70.0Mi of 100.0Mi (70 %), ceiling "
      "80.0Mi, peak 70.0Mi");
}

}  // namespace
}  // namespace rebalance
