#include "kube/line_splitter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

namespace rebalance {
namespace {

using ::testing::ElementsAre;
using Outcome = LineSplitter::Outcome;

class LineSplitterTest : public ::testing::Test {
 protected:
  Outcome feed(std::string_view bytes) {
    return splitter_.feed(bytes, [this](std::string_view line) {
      lines_.emplace_back(line);
      return lines_.size() < most_;
    });
  }
  LineSplitter splitter_{8};
  std::vector<std::string> lines_;
  std::size_t most_ = 100;
};

TEST_F(LineSplitterTest, JoinsWhatWasCutAndCutsWhatWasJoined) {
  feed("a\nbb");
  feed("b");
  feed("b\nc\n\nd");
  EXPECT_THAT(lines_, ElementsAre("a", "bbbb", "c"));
  EXPECT_TRUE(splitter_.unfinished());
  feed("\n");
  EXPECT_THAT(lines_, ElementsAre("a", "bbbb", "c", "d"));
  EXPECT_FALSE(splitter_.unfinished());
}

TEST_F(LineSplitterTest, StopsWhereTheTakerHasEnough) {
  most_ = 2;
  EXPECT_EQ(feed("a\nb\nc\n"), Outcome::kEnough);
  EXPECT_THAT(lines_, ElementsAre("a", "b"));
}

TEST_F(LineSplitterTest, RefusesALineThatIsTooLongAsSoonAsThatIsKnown) {
  EXPECT_EQ(feed("12345678\n"), Outcome::kMore);
  EXPECT_EQ(feed("12345"), Outcome::kMore);
  EXPECT_EQ(feed("6789"), Outcome::kTooLong);
  EXPECT_EQ(LineSplitter(3).feed("1234\n", [](auto) { return true; }), Outcome::kTooLong);
}

RC_GTEST_PROP(LineSplitter, GivesTheSameLinesWhereverTheBytesAreCut,
              (const std::vector<std::string>& pieces)) {
  std::vector<std::string> whole, pieced;
  std::string all;
  LineSplitter by_piece(1'000'000);
  for (const auto& piece : pieces) {
    all += piece;
    by_piece.feed(piece, [&](std::string_view line) { return pieced.emplace_back(line), true; });
  }
  LineSplitter at_once(1'000'000);
  at_once.feed(all, [&](std::string_view line) { return whole.emplace_back(line), true; });
  RC_ASSERT(whole == pieced);
  RC_ASSERT(at_once.unfinished() == by_piece.unfinished());
}

}  // namespace
}  // namespace rebalance
