#include "migrate/classify.h"

#include <gtest/gtest.h>

#include "migrate/pace.h"

namespace rebalance {
namespace {

using namespace std::chrono_literals;

struct Row {
  const char* text;
  Failure meaning;
};

TEST(Classify, KnowsTheServersWords) {
  const Row rows[] = {
      {"IOERR error or timeout reading to target instance", Failure::kUnknown},
      {"IOERR error or timeout writing to target instance", Failure::kUnknown},
      {"IOERR error or timeout connecting to the client", Failure::kTransient},
      {"ERR Target instance replied with error: BUSYKEY Target key name already exists.", Failure::kBusyKey},
      {"ERR Target instance replied with error: OOM command not allowed when used memory > 'maxmemory'.",
       Failure::kOutOfMemory},
      {"ERR Target instance replied with error: NOAUTH Authentication required.", Failure::kCredentials},
      {"ERR Target instance replied with error: WRONGPASS invalid username-password pair",
       Failure::kCredentials},
      {"NOPERM this user has no permissions to run the 'migrate' command", Failure::kCredentials},
      {"ERR Target instance replied with error: LOADING Redis is loading the dataset in memory",
       Failure::kTransient},
      {"ERR Target instance replied with error: CLUSTERDOWN The cluster is down", Failure::kTransient},
      {"ERR Target instance replied with error: CLUSTERDOWN Hash slot not served", Failure::kMoved},
      {"ERR Target instance replied with error: MOVED 93 10.0.0.1:6379", Failure::kMoved},
      {"ERR Target instance replied with error: READONLY You can't write against a read only replica.",
       Failure::kNotPrimary},
      {"ERR Please use SETSLOT only with masters.", Failure::kNotPrimary},
      {"ERR Please use SETSLOT only with primaries.", Failure::kNotPrimary},
      {"ERR Can't assign hashslot 93 to a different node while I still hold keys for this hash slot.",
       Failure::kStillHasKeys},
      {"ERR I'm already the owner of hash slot 93", Failure::kAlreadyOwner},
      {"ERR I'm not the owner of hash slot 93", Failure::kAlreadyOwner},
      {"NOREPLICAS Not enough good replicas to write.", Failure::kTransient},
      {"UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
       Failure::kTransient},
      {"ERR Slot import in progress.", Failure::kAtomicTask},
      {"ERR Slot export in progress.", Failure::kAtomicTask},
      {"TRYAGAIN Multiple keys request during rehashing of slot", Failure::kTransient},
      {"ERR Target node is not a master", Failure::kTransient},
      {"ERR Unknown node 11d077092e226ac21571f4a125634c2eca6a7938", Failure::kTransient},
      {"ERR I don't know about node 11d077092e226ac21571f4a125634c2eca6a7938", Failure::kTransient},
      {"ERR unknown command 'MIGRATE'", Failure::kFatal},
  };
  for (const auto& row : rows) EXPECT_EQ(classify(row.text), row.meaning) << row.text;
}

TEST(Pace, LongMigratesMakeTheNextOnesShorter) {
  Pace pace;
  const auto before = pace.chunk_bytes();
  pace.observe(20, before, 20ms);
  EXPECT_LT(pace.chunk_bytes(), before);
  for (int i = 0; i < 50; ++i) pace.observe(20, pace.chunk_bytes(), 50ms);
  EXPECT_EQ(pace.chunk_bytes(), Pace::kMinChunk);
  EXPECT_EQ(pace.chunk_keys(), Pace::kMinKeys);
}

TEST(Pace, ShortFullMigratesMakeTheNextOnesLonger) {
  Pace pace;
  for (int i = 0; i < 50; ++i) pace.observe(pace.chunk_keys(), pace.chunk_bytes(), 100us);
  EXPECT_EQ(pace.chunk_bytes(), Pace::kMaxChunk);
}

// 10 us a key, on a server that waited for a processor each tenth time.
TEST(Pace, CopiesSettleAtWhatTheServerDoesWithinTheAim) {
  for (const auto aim : {Pace::kCopyAim, Pace::kGentleCopyAim}) {
    Pace pace(aim);
    for (int i = 0; i < 300; ++i) {
      const auto keys = pace.copy_keys();
      pace.observe_copies(keys, keys * 100, keys * 10us + (i % 10 == 0 ? 5ms : 0ms));
    }
    const auto served = pace.copy_keys() * 10us;
    EXPECT_GT(served, aim / 2);
    EXPECT_LE(served, aim * 5 / 4);
  }
}

// 1 us an element; what they cost says nothing of whole keys.
TEST(Pace, PiecesSettleByThemselves) {
  Pace pace;
  for (int i = 0; i < 300; ++i) {
    const auto elements = pace.piece_elements();
    pace.observe_piece(elements, elements * 100, elements * 1us);
  }
  EXPECT_GT(pace.piece_elements() * 1us, Pace::kCopyAim / 2);
  EXPECT_LE(pace.piece_elements() * 1us, Pace::kCopyAim * 5 / 4);
  EXPECT_EQ(pace.copy_keys(), Pace().copy_keys());
}

TEST(Pace, AStallIsPredictedFromTheMeasuredRate) {
  Pace pace;
  for (int i = 0; i < 40; ++i) pace.observe(1, 10 * kMiB, 1s);  // a slow network
  EXPECT_NEAR(static_cast<double>(pace.stall(100 * kMiB).count()), 10'000, 500);
  EXPECT_GT(pace.migrate_timeout(100 * kMiB), 30s);
}

TEST(Pace, SmallKeysTeachNothingAboutBigOnes) {
  Pace pace;
  const auto before = pace.stall(100 * kMiB);
  for (int i = 0; i < 100; ++i) pace.observe(100, 10'000, 5ms);
  EXPECT_EQ(pace.stall(100 * kMiB), before);
}

}  // namespace
}  // namespace rebalance
