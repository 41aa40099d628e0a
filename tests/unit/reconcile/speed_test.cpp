#include "drive.h"

namespace rebalance {
namespace {

using ::testing::HasSubstr;

// Batches that go on for as long as the test likes.
struct Moving : Drive {
  Moving() {
    until_batch();
    scene.running = {first_batch()};
    probe(1);
  }
  void probe(double p99) { scene.probes = {{"redis-0", 1, 500, 0}, {"redis-2", p99, 500, 0}}; }
  // Decides once a second; the lowest and the last speed that was told.
  void run(int seconds) {
    for (int i = 0; i < seconds; i++) {
      once();
      for (const auto& action : last.actions) {
        if (const auto* speed = std::get_if<SetSpeed>(&action)) told.push_back(speed->percent);
        if (std::holds_alternative<StopBatches>(action)) scene.running.clear(), stopped = true;
      }
    }
  }
  std::vector<int> told;
  bool stopped = false;
};

TEST(Speed, IsFullWhileNobodyFeelsAnything) {
  Moving drive;
  drive.run(60);
  EXPECT_TRUE(drive.told.empty());
  EXPECT_EQ(drive.status.speed_percent, 100);
}

TEST(Speed, GoesDownByAsMuchAsAnswersAreLateAndNamesThePod) {
  Moving drive;
  drive.probe(100);
  drive.run(1);
  EXPECT_EQ(drive.told, std::vector{50});
  EXPECT_THAT(drive.status.speed_reason, HasSubstr("redis-2 answers our probes in 100 ms"));
  EXPECT_THAT(drive.status.speed_reason, HasSubstr("safety.maxLatencyMillis is 50"));
}

TEST(Speed, IsLookedAtAgainOnlyAfterAChangeHasShown) {
  Moving drive;
  drive.probe(100);
  drive.run(5);
  EXPECT_EQ(drive.told, std::vector{50});
  drive.run(1);
  EXPECT_EQ(drive.told, (std::vector{50, 25}));
}

TEST(Speed, ComesBackWhenItIsCalmAndNotBefore) {
  Moving drive;
  drive.probe(100);
  drive.run(1);
  drive.probe(40);  // within the bound, but not by much
  drive.run(30);
  EXPECT_EQ(drive.status.speed_percent, 50);
  drive.probe(10);
  drive.run(12);
  EXPECT_EQ(drive.status.speed_percent, 100);
  EXPECT_EQ(drive.status.speed_reason, "");
}

TEST(Speed, NeverEndsInAStandstillByItself) {
  Moving drive;
  drive.probe(190);  // not far above yet
  drive.run(300);
  EXPECT_FALSE(drive.stopped);
  EXPECT_EQ(drive.status.speed_percent, 5);
}

TEST(Speed, IsHalfWhileATouchedServerSaves) {
  Moving drive;
  drive.scene.world.nodes[2].child_running = true;
  drive.run(1);
  EXPECT_EQ(drive.told, std::vector{50});
  EXPECT_THAT(drive.status.speed_reason, HasSubstr("redis-2 saves"));
  drive.scene.world.nodes[2].child_running = false;
  drive.run(1);
  EXPECT_EQ(drive.told, (std::vector{50, 100}));
}

TEST(Speed, FarAboveTheBoundAllStopsUntilItIsCalm) {
  Moving drive;
  drive.probe(250);
  drive.run(9);
  EXPECT_FALSE(drive.stopped);
  drive.run(3);
  EXPECT_TRUE(drive.stopped);
  drive.run(100);
  EXPECT_EQ(drive.status.reason, "LatencyHigh");
  EXPECT_EQ(count<StartBatch>(drive.last), 0);
  EXPECT_FALSE(is_final(drive.status.state));
  drive.probe(45);
  drive.run(1);
  EXPECT_EQ(count<StartBatch>(drive.last), 1) << drive.status.message;
}

TEST(Speed, ThatIsLowStartsFewerAndSmallerBatches) {
  Drive drive;
  drive.resource.spec.batch.max_bytes = 20 * kMiB;
  drive.status.speed_percent = 25;
  drive.until_batch();
  EXPECT_EQ(count<StartBatch>(drive.last), 1);
  EXPECT_LE(drive.first_batch().bytes, 5 * kMiB);
}

}  // namespace
}  // namespace rebalance
