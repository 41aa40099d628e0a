#include "cli/table.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "cli/words.h"

namespace rebalance {
namespace {

TEST(Words, FiguresReadAsPeopleWriteThem) {
  EXPECT_EQ(count_text(0), "0");
  EXPECT_EQ(count_text(999), "999");
  EXPECT_EQ(count_text(1000), "1,000");
  EXPECT_EQ(count_text(-1234567), "-1,234,567");
  EXPECT_EQ(count_text(-123), "-123");
  EXPECT_EQ(plural(1, "slot"), "1 slot");
  EXPECT_EQ(plural(16384, "slot"), "16,384 slots");
}

TEST(Words, AShareIsRoundedUpAndNeedsAWhole) {
  EXPECT_EQ(percent_text(801, 1000), "81 %");
  EXPECT_EQ(percent_text(5, 0), "-");
}

TEST(Words, DurationsUseTwoUnitsAtMost) {
  EXPECT_EQ(duration_text(0.44), "0.4 s");
  EXPECT_EQ(duration_text(59.4), "59 s");
  EXPECT_EQ(duration_text(59.6), "1 min 0 s");
  EXPECT_EQ(duration_text(3780), "1 h 3 min");
  EXPECT_EQ(duration_text(-1), "-");
}

TEST(Words, AListIsCutAndCounted) {
  EXPECT_EQ(first_of({"a", "b"}, 2), "a, b");
  EXPECT_EQ(first_of({"a", "b", "c"}, 1), "a and 2 more");
  EXPECT_EQ(first_of({}, 2), "");
}

TEST(Table, AlignsColumnsAndLeavesNoSpaceAtTheEnd) {
  Table table({{"pod"}, {"used", Align::kRight}, {"why"}});
  table.row({"redis-0", "9Mi", "short"});
  table.row({"r", "111.4Mi"});
  EXPECT_EQ(table.text(),
            "pod         used  why\n"
            "redis-0      9Mi  short\n"
            "r        111.4Mi\n");
}

TEST(Table, CountsColumnsNotBytes) {
  EXPECT_EQ(display_width("café"), 4);
  EXPECT_EQ(display_width("e\u0301"), 1);
  EXPECT_EQ(display_width("日本"), 4);
  EXPECT_EQ(display_width("\x1b[31mred\x1b[0m"), 3);
  EXPECT_EQ(display_width("\xff\xfe"), 2);
  EXPECT_EQ(display_width("\xe2\x82"), 2);
}

TEST(Table, WideAndAccentedTextStaysAligned) {
  Table table({{"a"}, {"b"}});
  table.row({"日本", "x"});
  table.row({"né", "y"});
  EXPECT_EQ(table.text(), "a     b\n日本  x\nné    y\n");
}

TEST(Table, ColoursDoNotDisturbTheAlignment) {
  Table table({{"state"}, {"n", Align::kRight}});
  table.row({{"bad", Colour::kRed}, "1"});
  EXPECT_EQ(table.text({.enabled = true}), "\x1b[1mstate\x1b[0m  \x1b[1mn\x1b[0m\n\x1b[31mbad\x1b[0m    1\n");
}

TEST(Fitted, CutsToTheWidthAndSaysSo) {
  EXPECT_EQ(fitted("redis-0", 7), "redis-0");
  EXPECT_EQ(fitted("redis-10", 7), "redi...");
  EXPECT_EQ(fitted("日本日本", 7), "日本...");
  EXPECT_EQ(fitted("redis", 2), "..");
}

TEST(Fitted, ClosesAColourThatWasCut) {
  EXPECT_EQ(fitted("\x1b[31mabcdef\x1b[0m", 5), "\x1b[31mab\x1b[0m...");
}

TEST(Colours, AreNotForPipes) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_FALSE(colours_wanted(ends[1]));
  close(ends[0]);
  close(ends[1]);
}

TEST(Colours, ATerminalHasThemUnlessNoColorIsSet) {
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
  ASSERT_GE(terminal, 0);
  setenv("TERM", "xterm", 1);
  unsetenv("NO_COLOR");
  EXPECT_TRUE(colours_wanted(terminal));
  setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(colours_wanted(terminal));
  setenv("NO_COLOR", "", 1);  // set but empty does not count
  EXPECT_TRUE(colours_wanted(terminal));
  setenv("TERM", "dumb", 1);
  EXPECT_FALSE(colours_wanted(terminal));
  unsetenv("NO_COLOR");
  close(terminal);
}

}  // namespace
}  // namespace rebalance
