// Weeks of a cluster's life in minutes, under load, with one operator: scaled out, failed over, scaled in, a
// node lost, and in the end all its servers replaced by those of a newer version. It ends balanced, nothing
// is lost, and the operator needs no more memory in the last weeks than in the first.
#include <algorithm>
#include <sstream>

#include "faults/durable.h"
#include "kube/operator_rig.h"

namespace rebalance {
namespace {

using rig::Milliseconds;

class OperatorWeek : public OperatorTest {
 protected:
  OperatorWeek()
      : OperatorTest(
            {.primaries = 3,
             .replicas = 1,
             .server = {.config = {"cluster-allow-replica-migration no", "cluster-migration-barrier 9"}}}) {}

  struct Shard {
    int primary = -1, replica = -1;
  };
  std::vector<Shard> shards() {
    std::vector<Shard> all;
    const auto views = cluster_.view_of(cluster_.asked());
    for (const auto& view : views) {
      const int node = cluster_.index_of(view.id);
      if (!view.primary.empty() || !cluster_.node(node).running()) continue;
      const auto follower = std::ranges::find(views, view.id, &rig::NodeView::primary);
      all.push_back({node, follower == views.end() ? -1 : cluster_.index_of(follower->id)});
    }
    return all;
  }
  Shard other_than(int kept) {
    for (const auto& shard : shards()) {
      if (kept != shard.primary && kept != shard.replica && shard.replica >= 0) return shard;
    }
    throw std::runtime_error("no shard may go");
  }

  std::string pod_of(int node) const { return "redis-" + std::to_string(node); }
  int join(int node) {
    rig::write_pod(api_, space_, cluster_, node);
    return node;
  }
  void leave(int node) {
    cluster_.node(node).kill_hard();
    for (int other = 0; other < cluster_.size(); ++other) {
      if (cluster_.node(other).running())
        cluster_.command(other, {"CLUSTER", "FORGET", cluster_.node_id(node)});
    }
    rig::remove_pod(api_, space_, pod_of(node));
  }
  void leave(const Shard& shard) {
    if (shard.replica >= 0) leave(shard.replica);
    leave(shard.primary);
  }

  void work(const std::string& goal) {
    const auto name = "work-" + std::to_string(++works_);
    ASSERT_NO_THROW(cluster_.wait_until_agreed());
    apply_named(name, goal, kAtOnce);
    ASSERT_TRUE(reaches("Succeeded", kWork, name)) << told(name);
  }

  void scale_out() {
    newest_ = join(cluster_.add_empty_primary());
    join(cluster_.add_replica(newest_));
    work("type: Balance");
  }
  void fail_over() {
    const auto shard = other_than(-1);
    cluster_.command(shard.replica, {"CLUSTER", "FAILOVER"});
    ASSERT_TRUE(rig::wait_until([&] { return rig::slots_claimed_by(cluster_, shard.replica) > 0; }, kSoon));
    work("type: Balance");
  }
  void scale_in() {
    const auto shard = other_than(newest_);
    work(drain_of(pod_of(shard.primary)));
    ASSERT_EQ(cluster_.slots_of(shard.primary), 0);
    leave(shard);
  }
  void lose_a_node() {
    const auto shard = other_than(-1);
    cluster_.node(shard.primary).kill_hard();
    ASSERT_TRUE(rig::wait_until([&] { return rig::slots_claimed_by(cluster_, shard.replica) > 0; }, kWork));
    leave(shard.primary);
    join(cluster_.add_replica(shard.replica));
    work("type: Balance");
  }
  void upgrade() {
    for (const auto& shard : shards()) {
      const auto& options = cluster_.node(shard.primary).options();
      const int fresh = join(cluster_.add_empty_primary(kNewer, options));
      join(cluster_.add_replica(fresh));
      work(all_of(shard.primary, fresh));
      ASSERT_EQ(cluster_.slots_of(shard.primary), 0);
      leave(shard);
    }
  }
  void expect_all_are_newer() {
    int running = 0;
    for (int node = 0; node < cluster_.size(); ++node) {
      if (!cluster_.node(node).running()) continue;
      const auto version = rig::info_field(cluster_.command(node, {"INFO", "server"}).text, "redis_version");
      EXPECT_TRUE(version.starts_with("8.0.")) << "node " << node << " runs " << version;
      ++running;
    }
    EXPECT_EQ(running, 6);
    EXPECT_EQ(cluster_.view_of(cluster_.asked()).size(), 6U);
  }

  // All slots of one node to another, in lists as short as the API wants them.
  std::string all_of(int node, int to) const {
    std::string assignments, list;
    const auto flush = [&] {
      if (list.empty()) return;
      assignments +=
          (assignments.empty() ? "{slots: \"" : ", {slots: \"") + list + "\", to: " + pod_of(to) + "}";
      list.clear();
    };
    for (const auto& view : cluster_.view_of(node)) {
      if (!view.flags.contains("myself")) continue;
      std::istringstream ranges(view.slots);
      for (std::string range; ranges >> range;) {
        if (list.size() > 900) flush();
        list += (list.empty() ? "" : ",") + range;
      }
    }
    flush();
    return "type: Move\nmove: {assignments: [" + assignments + "]}";
  }

  const rig::ServerVersion kNewer = rig::version_named("r80");
  int works_ = 0, newest_ = -1;
};

TEST_F(OperatorWeek, LongGoByAndItEndsBalancedWithNothingLostAndFlatMemory) {
  constexpr int kWeeks = 4;
  rig::Writer writer(cluster_.seed(), {.operations_per_second = 200, .keys = 500});
  const auto before = digest_of(cluster_);
  const auto running = start();
  std::vector<std::int64_t> resident;
  for (int week = 0; week < kWeeks; ++week) {
    SCOPED_TRACE(week);
    ASSERT_NO_FATAL_FAILURE(scale_out());
    ASSERT_NO_FATAL_FAILURE(fail_over());
    ASSERT_NO_FATAL_FAILURE(scale_in());
    ASSERT_NO_FATAL_FAILURE(lose_a_node());
    resident.push_back(rig::resident_bytes(running->process().pid()) / 1024);
    std::cout << "week " << week << ": the operator has " << resident.back() << " KiB\n";
  }
  const auto kept = digest_of(cluster_);
  expect_same_data(before, kept);
  ASSERT_NO_FATAL_FAILURE(upgrade());
  expect_all_are_newer();
  for (const auto& shard : shards())
    EXPECT_NEAR(static_cast<double>(cluster_.slots_of(shard.primary)), 16384.0 / 3, 16384.0 / 3 * 0.15);
  const auto half = resident.begin() + kWeeks / 2;
  EXPECT_LT(*std::max_element(half, resident.end()), *std::max_element(resident.begin(), half) * 110 / 100);
  expect_clean(cluster_);
  writer.ask(cluster_.seed());
  expect_nothing_lost(writer);
  const auto after = digest_of(cluster_);
  EXPECT_EQ(after.keys.size(), kept.keys.size());  // other versions dump the same values differently
  EXPECT_EQ(after.misplaced, 0);
}

}  // namespace
}  // namespace rebalance
