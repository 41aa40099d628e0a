#include "cli/reporters.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

namespace rebalance {
namespace {

using testing::HasSubstr;

struct Log {
  std::string text;
  Instant now{};
  Sink sink() {
    return [this](const std::string& line) { text += line; };
  }
  Clock clock() {
    return [this] { return now; };
  }
  int count(const std::string& word) const {
    int found = 0;
    for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++found;
    return found;
  }
};

RunView moving(int slots_done) {
  RunView view{.state = State::kRebalancing, .reason = "Moving", .message = "redis-0 gives to redis-3"};
  view.slots_done = slots_done;
  view.slots_total = 100;
  view.pods = {{.pod = "redis-3", .limit = 100, .ceiling = 80, .base = 50, .peak = 60}};
  view.pairs = {{.source = "redis-0", .target = "redis-3"}};
  return view;
}

Summary finished() {
  Summary summary{
      .state = State::kSucceeded, .reason = "Balanced", .message = "all slots are where the plan wants them"};
  WorldNode node{.id = std::string(40, 'a'), .pod = "redis-0"};
  node.slots.add({0, 99});
  summary.before.nodes = {node};
  node.slots.remove({0, 49});
  summary.after.nodes = {node};
  summary.slots_moved = 50;
  summary.keys_moved = 1234;
  summary.bytes_moved = 3 * kMiB;
  summary.moving_seconds = 2;
  summary.total_seconds = 75;
  summary.pods = {
      {.pod = "redis-0", .limit = 100 * kMiB, .ceiling = 80 * kMiB, .base = kMiB, .peak = 71 * kMiB}};
  return summary;
}

TEST(LineReporter, SaysEachStateOnceAndProgressEveryFiveSeconds) {
  Log log;
  const auto reporter = make_line_reporter(log.sink(), {}, log.clock());
  for (int quarter = 0; quarter <= 4 * 11; ++quarter) {  // 11 seconds, four views a second
    reporter->view(moving(quarter));
    log.now += Millis(250);
  }
  EXPECT_EQ(log.count("Rebalancing (Moving): redis-0 gives to redis-3\n"), 1);
  EXPECT_EQ(log.count("of 100 slots"), 3);  // at 0, 5 and 10 s
}

TEST(LineReporter, SaysEachEventWithItsTime) {
  Log log;
  make_line_reporter(log.sink(), {}, log.clock())->event("BatchDone", "batch 1 of 3 ended");
  EXPECT_THAT(log.text, testing::MatchesRegex("20..-..-..T..:..:..Z BatchDone: batch 1 of 3 ended\n"));
}

TEST(Summary, ShowsBeforeAndAfterTimesAndPeaks) {
  Log log;
  make_line_reporter(log.sink(), {}, log.clock())->summary(finished());
  EXPECT_THAT(log.text, HasSubstr("Succeeded (Balanced): all slots are where the plan wants them"));
  EXPECT_THAT(log.text, testing::ContainsRegex("redis-0 +100 -> 50 .* 100.0Mi +71.0Mi +71 %"));
  EXPECT_THAT(log.text,
              HasSubstr("Moved 50 slots, 1,234 keys, 3.0Mi in 2.0 s of moving; 1 min 15 s in all."));
}

TEST(Summary, SaysWhatFailed) {
  Log log;
  auto summary = finished();
  summary.failures = {
      {.what = "redis-3: OOM command not allowed", .attempt = 2, .when = "2026-01-01T00:00:00Z"}};
  make_line_reporter(log.sink(), {}, log.clock())->summary(summary);
  EXPECT_THAT(log.text, HasSubstr("Failure 2 at 2026-01-01T00:00:00Z: redis-3: OOM command not allowed"));
}

TEST(EventReporter, WritesOneJsonObjectALine) {
  Log log;
  const auto reporter = make_event_reporter(log.sink(), log.clock());
  reporter->plan(Plan{.hash = "0123456789abcdef", .slots = 7}, {});
  reporter->view(moving(1));
  reporter->view(moving(2));  // within the same second: neither a new state nor due
  reporter->event("BatchDone", "a \"quoted\"\nname \xff");
  reporter->summary(finished());

  std::vector<std::string> names;
  std::istringstream lines(log.text);
  for (std::string line; std::getline(lines, line);) {
    const auto json = nlohmann::json::parse(line);
    names.push_back(json.at("event"));
    EXPECT_TRUE(json.contains("time"));
  }
  EXPECT_THAT(names, testing::ElementsAre("plan", "state", "progress", "notice", "summary"));
}

TEST(EventReporter, WhatIsNotKnownIsNull) {
  Log log;
  make_event_reporter(log.sink(), log.clock())->view(moving(1));
  EXPECT_THAT(log.text, HasSubstr("\"etaSeconds\":null"));
}

TEST(EventReporter, TheSummaryHasTheExitCodeAndBothLayouts) {
  Log log;
  auto summary = finished();
  summary.exit_code = 4;
  make_event_reporter(log.sink(), log.clock())->summary(summary);
  const auto json = nlohmann::json::parse(log.text);
  EXPECT_EQ(json["exitCode"], 4);
  EXPECT_EQ(json["before"][0]["slots"], 100);
  EXPECT_EQ(json["after"][0]["slots"], 50);
  EXPECT_EQ(json["pods"][0]["peakBytes"], 71 * kMiB);
}

// A pseudo terminal: what is written to `program` is read from `person`.
struct Terminal {
  int person = posix_openpt(O_RDWR | O_NOCTTY);
  int program = -1;
  Terminal() {
    grantpt(person);
    unlockpt(person);
    program = open(ptsname(person), O_RDWR | O_NOCTTY);
  }
  ~Terminal() {
    close(program);
    close(person);
  }
  std::string seen() const {
    std::string out;
    char buffer[4096];
    for (pollfd ready{person, POLLIN, 0}; poll(&ready, 1, 100) == 1;) {
      const auto got = read(person, buffer, sizeof buffer);
      if (got <= 0) break;
      out.append(buffer, static_cast<std::size_t>(got));
    }
    return out;
  }
};

TEST(BarReporter, RedrawsInPlaceAndGivesTheCursorBack) {
  Terminal terminal;
  ASSERT_GE(terminal.program, 0);
  Log log;
  {
    const auto reporter = make_bar_reporter(terminal.program, {}, log.clock());
    reporter->view(moving(1));
    const auto first = terminal.seen();
    EXPECT_THAT(first, HasSubstr("\x1b[?25l"));
    EXPECT_THAT(first, HasSubstr("1 of 100 slots"));

    log.now += Millis(250);
    reporter->view(moving(2));
    const auto second = terminal.seen();
    EXPECT_THAT(second, testing::StartsWith("\x1b[3A\r"));  // three lines: sum, pair, memory
    EXPECT_THAT(second, HasSubstr("2 of 100 slots"));
    EXPECT_THAT(second, testing::Not(HasSubstr("\x1b[2J")));

    log.now += Millis(50);  // too soon for another picture
    reporter->view(moving(3));
    EXPECT_EQ(terminal.seen(), "");
  }
  EXPECT_THAT(terminal.seen(), HasSubstr("\x1b[?25h"));
}

TEST(BarReporter, TheSummaryStandsBelowTheLastPicture) {
  Terminal terminal;
  Log log;
  const auto reporter = make_bar_reporter(terminal.program, {}, log.clock());
  reporter->view(moving(1));
  terminal.seen();
  reporter->summary(finished());
  const auto end = terminal.seen();
  EXPECT_THAT(end, HasSubstr("Succeeded (Balanced)"));
  EXPECT_THAT(end, testing::Not(HasSubstr("of 100 slots")));
  EXPECT_THAT(end, testing::StartsWith("\x1b[?25h"));
}

}  // namespace
}  // namespace rebalance
