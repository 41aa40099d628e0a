// kill -9 of the program at any instant, then `run` again: it finishes, and nothing is lost.
#include <random>

#include "servers/cli_rig.h"
#include "servers/run_rig.h"

namespace rebalance {
namespace {

// Slots go to redis-3 and back again (but for some: a primary that gives its last slot away becomes a
// replica), and the program is killed on its way until that happened `kills` times.
class Killer {
 public:
  Killer(rig::TestCluster& cluster, std::string engine)
      : cluster_(cluster), work_(cluster), engine_(std::move(engine)) {
    turn();
  }

  void kill(int kills) {
    while (killed_ < kills) {
      const auto program = work_.start();
      const int code = program->exit_code(random_moment());
      if (code < 0) {
        program->process().kill_hard();
        ++killed_;
        met_open_ += any_slot_open(cluster_) ? 1 : 0;
        continue;
      }
      ASSERT_EQ(code, kDone) << program->said();
      turn();
    }
  }

  void finish() {
    const auto finished = work_.run();
    EXPECT_EQ(finished.exit_code, kDone) << finished.out;
    work_.expect_nothing_left();
    std::cout << killed_ << " kills, " << met_open_ << " with open slots, " << turns_ << " goals\n";
  }

 private:
  rig::Milliseconds random_moment() { return rig::Milliseconds(100 + random_() % 2500); }
  void turn() {
    const bool forth = turns_++ % 2 == 0;
    work_.aim(
        forth ? move_of("0-500,5461-5900,11000-11500", "redis-3") : move_of("0-500,5461-5900", "redis-2"),
        "engine: " + engine_ + "\nbatch: {maxSlots: 150, maxBytesPerSecond: 400Ki}\n");
  }

  rig::TestCluster& cluster_;
  Work work_;
  std::string engine_;
  std::mt19937 random_{20'261'121};
  int turns_ = 0;
  int killed_ = 0;
  int met_open_ = 0;
};

// Without deletes where copies may outlive their originals: what is only on the target waits for a person.
void kill_many(const rig::ServerVersion& version, int kills, bool live = false) {
  const auto cluster = lopsided({}, version.name, 9000);
  const auto before = rig::digest(cluster->seed());
  rig::Writer writer(cluster->seed(), {.operations_per_second = 400, .deletes = !live});
  const bool atomic = std::ranges::count(atomic_versions(), version.name, &rig::ServerVersion::name) > 0;
  Killer killer(*cluster, live ? "LiveCopy" : atomic ? "Atomic" : "KeyByKey");
  ASSERT_NO_FATAL_FAILURE(killer.kill(kills));
  killer.finish();
  expect_nothing_lost(writer);
  expect_clean(*cluster);
  expect_same_data(before, digest_without(cluster->seed(), "writer:"));
}

class KillTheProgram : public testing::TestWithParam<rig::ServerVersion> {};
class LongKillTheProgram : public testing::TestWithParam<rig::ServerVersion> {};
INSTANTIATE_TEST_SUITE_P(Faults, KillTheProgram, testing::ValuesIn(two_versions()),
                         rig::version_name<testing::TestParamInfo<rig::ServerVersion>>);
INSTANTIATE_TEST_SUITE_P(LongFaults, LongKillTheProgram, testing::ValuesIn(rig::installed_versions()),
                         rig::version_name<testing::TestParamInfo<rig::ServerVersion>>);

TEST_P(KillTheProgram, At12RandomMoments) { kill_many(GetParam(), 12); }
TEST_P(LongKillTheProgram, At50RandomMoments) { kill_many(GetParam(), 50); }

class KillTheProgramCopyingLive : public testing::TestWithParam<rig::ServerVersion> {};
class LongKillTheProgramCopyingLive : public testing::TestWithParam<rig::ServerVersion> {};
INSTANTIATE_TEST_SUITE_P(Faults, KillTheProgramCopyingLive, testing::ValuesIn(live_versions()),
                         rig::version_name<testing::TestParamInfo<rig::ServerVersion>>);
INSTANTIATE_TEST_SUITE_P(LongFaults, LongKillTheProgramCopyingLive, testing::ValuesIn(live_versions()),
                         rig::version_name<testing::TestParamInfo<rig::ServerVersion>>);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(KillTheProgramCopyingLive);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(LongKillTheProgramCopyingLive);

TEST_P(KillTheProgramCopyingLive, At8RandomMoments) { kill_many(GetParam(), 8, true); }
TEST_P(LongKillTheProgramCopyingLive, At50RandomMoments) { kill_many(GetParam(), 50, true); }

// The moments that matter most: a slot is open.
TEST_P(KillTheProgram, WheneverASlotIsOpen) {
  const auto cluster = lopsided({}, GetParam().name, 6000);
  const auto before = rig::digest(cluster->seed());
  Work work(*cluster);
  work.aim(move_of("0-1000", "redis-3"),
           "engine: KeyByKey\nbatch: {maxSlots: 100, maxBytesPerSecond: 400Ki}\n");
  for (int kill = 0; kill < 4; ++kill) {
    const auto program = work.start();
    ASSERT_TRUE(wait_for_open_slot(*cluster)) << program->said();
    program->process().kill_hard();
  }
  const auto finished = work.run();
  EXPECT_EQ(finished.exit_code, kDone) << finished.out;
  work.expect_nothing_left();
  expect_clean(*cluster);
  expect_same_data(before, rig::digest(cluster->seed()));
}

}  // namespace
}  // namespace rebalance
