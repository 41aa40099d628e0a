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

// What a server itself says of its clients and replicas.
struct Sign {
  const char* name;
  void (*show)(WorldNode&);  // once more each time
  const char* says;
};
void PrintTo(const Sign& sign, std::ostream* out) { *out << sign.name; }

class Strain : public ::testing::TestWithParam<Sign> {
 protected:
  WorldNode& server() { return drive_.scene.world.nodes[2]; }
  // A server that has been up for a day, and does a thousand commands a second.
  void run(int seconds, bool show = true) {
    for (int i = 0; i < seconds; i++) {
      server().uptime_seconds = 86'400;
      server().load.commands += 1000;
      if (show) GetParam().show(server());
      drive_.run(1);
    }
  }
  Moving drive_;
};
INSTANTIATE_TEST_SUITE_P(
    Servers, Strain,
    ::testing::Values(Sign{"ReplicaBehind", [](WorldNode& node) { node.lag = 11 * kMiB; },
                           "redis-2 is 11.0Mi behind its primary (safety.maxReplicaLagBytes is 10.0Mi)"},
                      Sign{"Evictions", [](WorldNode& node) { node.memory.evicted_keys += 2; },
                           "redis-2 evicted keys: 10 in 5 s"},
                      Sign{"Rejections", [](WorldNode& node) { node.memory.rejected_connections++; },
                           "redis-2 rejected connections: 5 in 5 s"},
                      Sign{"TryAgain", [](WorldNode& node) { node.load.unserved++; },
                           "redis-2 told clients TRYAGAIN or CLUSTERDOWN: 5 in 5 s"},
                      Sign{"Redirects", [](WorldNode& node) { node.load.redirected += 300; },
                           "redis-2 sent clients elsewhere (MOVED, ASK): 1500 in 5 s"},
                      Sign{"SlowCommands", [](WorldNode& node) { node.load.lasted[131'072]++; },
                           "redis-2 ran commands for longer than safety.maxLatencyMillis: 5 in 5 s"},
                      Sign{
                          "ManyClients",
                          [](WorldNode& node) { node.load.clients = 9'500, node.load.most_clients = 10'000; },
                          "redis-2 has 9500 of at most 10000 clients"},
                      Sign{"Buffers", [](WorldNode& node) { node.load.buffers += 8 * kMiB; },
                           "in buffers of its clients and replicas, 40.0Mi more than 5 s ago"}),
    [](const auto& tested) { return tested.param.name; });

TEST_P(Strain, HalvesTheSpeedUntilItHasPassed) {
  run(6);
  EXPECT_EQ(drive_.told, std::vector{50});
  EXPECT_THAT(drive_.status.speed_reason, HasSubstr(GetParam().says));
  run(5);
  EXPECT_EQ(drive_.status.speed_percent, 25);
  server().lag = 0;
  server().load.clients = 10;
  run(30, false);
  EXPECT_EQ(drive_.status.speed_percent, 100);
}

TEST(Speed, IsNotForTheServersWordsOfWhatIsUsualThere) {
  Moving drive;
  auto& cache = drive.scene.world.nodes[2];
  cache.uptime_seconds = 1000;
  cache.memory.evicted_keys = 10'000;
  cache.load.redirected = 400'000;
  cache.load.lasted[131'072] = 2'000;
  for (int i = 0; i < 60; i++) {
    cache.memory.evicted_keys += 15;
    cache.load.redirected += 500;
    cache.load.commands += 1'000;
    cache.load.lasted[131'072] += 3;
    cache.load.lasted[65'536] += 100;  // maybe within maxLatencyMillis
    drive.run(1);
  }
  EXPECT_TRUE(drive.told.empty()) << drive.status.speed_reason;
}

TEST(Speed, IsNotForTheCountsOfAServerThatRestarted) {
  Moving drive;
  drive.run(3);
  auto& server = drive.scene.world.nodes[2];
  drive.notebook.run_ids[server.pod] = server.run_id = "life-2";  // its counts are of a new life
  server.load.unserved = 50;
  drive.run(3);
  EXPECT_TRUE(drive.told.empty()) << drive.status.speed_reason;
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
