#include "migrate/epochs.h"

#include <gtest/gtest.h>

#include <vector>

namespace rebalance {
namespace {

TEST(Epochs, ATargetThatIsAheadKeepsWhatItTakes) { EXPECT_TRUE(wins({9, 9}, {7, 9}, {})); }

TEST(Epochs, ATargetThatKnowsOfTheSourcesEpochIsRaisedAboveIt) { EXPECT_TRUE(wins({3, 7}, {7, 7}, {})); }

TEST(Epochs, ATargetThatHasNotHeardOfTheSourcesNewEpochLoses) { EXPECT_FALSE(wins({5, 5}, {6, 6}, {})); }

TEST(Epochs, OfTwoWithOneEpochNobodyIsAhead) { EXPECT_FALSE(wins({6, 6}, {6, 6}, {})); }

TEST(Epochs, ATargetThatSharesItsEpochWithTheSourceMayMeetAHigherOne) {
  EXPECT_FALSE(wins({6, 7}, {6, 7}, {}));
}

TEST(Epochs, ASourceThatSharesItsEpochMayBeRaisedAtAnyMoment) {
  const std::vector<std::int64_t> others = {4, 7};
  EXPECT_FALSE(wins({3, 7}, {7, 7}, others));
  EXPECT_TRUE(wins({3, 7}, {6, 7}, others));
}

TEST(Epochs, AreReadFromTheNodesOwnView) {
  NodeView view;
  view.nodes.resize(3);
  view.nodes[0].config_epoch = 4;
  view.nodes[1].config_epoch = 3;
  view.nodes[1].myself = true;
  view.nodes[2].config_epoch = 9;
  view.nodes[2].role = Role::kReplica;
  EXPECT_EQ(epochs_of(view).own, 3);
  EXPECT_EQ(epochs_of(view).known, 4);
}

}  // namespace
}  // namespace rebalance
