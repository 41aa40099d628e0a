// The disk of one server is full in the middle of a move.
#include "faults/durable.h"
#include "rig/small_disk.h"
#include "servers/cli_rig.h"

namespace rebalance {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// What lies on the disk: nodes.conf alone, or the append-only file as well, which is written to the disk
// before each answer or once a second.
enum class Holds { kNodes, kAll, kAllNowAndThen };

struct Full {
  std::string engine, version;
  int node;  // 0 gives, 3 receives
  Holds holds;
};
void PrintTo(const Full& full, std::ostream* out) { *out << full.engine << " of node " << full.node; }

std::string full_name(const testing::TestParamInfo<Full>& test) {
  const auto& [engine, version, node, holds] = test.param;
  const std::string what = holds == Holds::kNodes ? "Nodes" : holds == Holds::kAll ? "Aof" : "LazyAof";
  return engine + (node == 0 ? "Source" : "Target") + what + "On" + version;
}

std::string last_word_of(const std::string& said) {
  const auto at = said.find("\nFailed (");
  return at == std::string::npos ? said : said.substr(at + 1, said.find('\n', at + 1) - at);
}

class ADiskIsFull : public testing::TestWithParam<Full> {
 protected:
  void SetUp() override {
    if (!rig::small_disks_unavailable().empty()) GTEST_SKIP() << rig::small_disks_unavailable();
    for (int i = 0; i < 4; ++i) fs::create_directories(folder_of(i) / "conf");
    const auto own = folder_of(GetParam().node);
    const bool all = GetParam().holds != Holds::kNodes;
    disk_ = std::make_unique<rig::SmallDisk>(all ? own : own / "conf", 32 << 20);
    if (all) {
      fs::create_directory(own / "conf");
      fs::create_symlink(folder_.path() / "log", own / "redis.log");  // a pod's goes elsewhere
    }
    auto options = durable();
    if (GetParam().holds == Holds::kAllNowAndThen) options.server.config = {"appendfsync everysec"};
    options.server.config.emplace_back("cluster-config-file conf/nodes.conf");
    options.primaries = 3;
    options.empty_primaries = 1;
    cluster_ =
        std::make_unique<rig::TestCluster>(rig::version_named(GetParam().version), options, folder_.path());
    // Of a stream that is read from disk nothing proves that it is the one that was moved (durable.h).
    rig::fill(cluster_->seed(), {.keys = 2000, .mixed_types = false});
    rig::fill(cluster_->seed(), {.keys = 1500, .hash_fields = 200, .prefix = "hash:"});
  }
  fs::path folder_of(int node) const { return folder_.path() / ("node-" + std::to_string(node)); }
  rig::Server& server() { return cluster_->node(GetParam().node); }
  std::string pod() { return "redis-" + std::to_string(GetParam().node); }

  rig::TempFolder folder_;
  std::unique_ptr<rig::SmallDisk> disk_;
  std::unique_ptr<rig::TestCluster> cluster_;
};
INSTANTIATE_TEST_SUITE_P(Faults, ADiskIsFull,
                         testing::Values(Full{"KeyByKey", "r86", 3, Holds::kNodes},
                                         Full{"Atomic", "r86", 0, Holds::kNodes}),
                         full_name);
// Not Redis 7.0 with nodes.conf where a whole batch is opened at once: it is written in place there, so that
// a full disk may cut it short, and its server does not start again.
INSTANTIATE_TEST_SUITE_P(
    LongFaults, ADiskIsFull,
    testing::Values(Full{"KeyByKey", "r70", 0, Holds::kAll}, Full{"KeyByKey", "r70", 3, Holds::kAll},
                    Full{"KeyByKey", "r70", 0, Holds::kAllNowAndThen},
                    Full{"KeyByKey", "r70", 3, Holds::kAllNowAndThen},
                    Full{"LiveCopy", "r80", 0, Holds::kNodes}, Full{"LiveCopy", "r80", 3, Holds::kNodes},
                    Full{"LiveCopy", "r80", 3, Holds::kAll}, Full{"KeyByKey", "r86", 0, Holds::kNodes},
                    Full{"Atomic", "r86", 3, Holds::kNodes}, Full{"Atomic", "r86", 3, Holds::kAll},
                    Full{"Atomic", "v91", 0, Holds::kNodes}, Full{"Atomic", "v91", 3, Holds::kNodes},
                    Full{"Atomic", "v91", 3, Holds::kAll}),
    full_name);

// A server whose disk is full ends; where its append-only file alone cannot be written, and may wait, it
// refuses writes.
TEST_P(ADiskIsFull, ItsServerIsNamedAndTheNextRunFinishesOnceThereIsRoom) {
  const auto before = digest_of(*cluster_);
  rig::Writer writer(cluster_->seed(), {.operations_per_second = 100, .timeout = rig::Milliseconds(2000)});
  const auto engine = "engine: " + GetParam().engine + "\n";
  Work work(*cluster_, kAtOnce + std::string("safety: {replicas: Ignore, persistence: Ignore, "
                                             "coverageTimeoutSeconds: 5, maxFailures: 2}\n"));
  work.aim(move_of("0-1500", "redis-3"), engine + "batch: {maxSlots: 100, maxBytesPerSecond: 200Ki}\n");
  const auto program = work.start();
  ASSERT_TRUE(rig::wait_until([&] { return slots_claimed_by(*cluster_, 3) > 20; }, rig::Milliseconds(30'000)))
      << program->said();
  disk_->fill();
  EXPECT_EQ(program->exit_code(), kFailed) << program->said();
  EXPECT_THAT(last_word_of(program->said()), HasSubstr(pod()));

  disk_->empty();
  if (!server().running()) server().restart();
  ASSERT_NO_THROW(cluster_->wait_until_agreed());
  work.amend(engine);
  const auto finished = work.run();
  EXPECT_EQ(finished.exit_code, kDone) << finished.out;
  EXPECT_EQ(cluster_->owner_of(1500), 3);
  work.expect_nothing_left();
  expect_nothing_lost(writer);
  expect_clean(*cluster_);
  expect_same_data(before, digest_of(*cluster_));
}

}  // namespace
}  // namespace rebalance
