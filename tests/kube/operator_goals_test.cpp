// Every goal once, through the API server.
#include <functional>

#include "kube/operator_rig.h"

namespace rebalance {
namespace {

// What a row asks for, and what the servers must say afterwards.
struct Goal {
  std::string name, goal;
  std::function<void(rig::TestCluster&)> before;
  std::function<bool(rig::TestCluster&)> reached;
};

bool within(std::int64_t value, std::int64_t wanted, double tolerance) {
  return static_cast<double>(std::abs(value - wanted)) <= tolerance * static_cast<double>(wanted);
}

template <typename Figure>
bool even(rig::TestCluster& cluster, Figure figure, double tolerance) {
  std::int64_t all = 0;
  for (int i = 0; i < cluster.size(); ++i) all += figure(i);
  for (int i = 0; i < cluster.size(); ++i) {
    if (!within(figure(i), all / cluster.size(), tolerance)) return false;
  }
  return true;
}

// So many that buffers and empty tables count little beside them.
constexpr std::int64_t kKeys = 40'000;

std::int64_t used(const rig::TestCluster& cluster, int node) {
  return std::stoll(rig::info_field(cluster.command(node, {"INFO", "memory"}).text, "used_memory"));
}

// Left by somebody who was interrupted: slot 100 of redis-0 on its way to redis-1.
void leave_a_slot_open(rig::TestCluster& cluster) {
  cluster.command(1, {"CLUSTER", "SETSLOT", "100", "IMPORTING", cluster.node_id(0)});
  cluster.command(0, {"CLUSTER", "SETSLOT", "100", "MIGRATING", cluster.node_id(1)});
}

const std::vector<Goal> kGoals = {
    {"balance-memory",
     "type: Balance\nbalance: {metric: Memory}",
     {},
     [](auto& cluster) { return even(cluster, [&](int i) { return used(cluster, i); }, 0.15); }},
    {"balance-slots",
     "type: Balance\nbalance: {metric: Slots}",
     {},
     [](auto& cluster) { return even(cluster, [&](int i) { return cluster.slots_of(i); }, 0.05); }},
    {"balance-keys",
     "type: Balance\nbalance: {metric: Keys}",
     {},
     [](auto& cluster) { return even(cluster, [&](int i) { return cluster.keys_of(i); }, 0.05); }},
    {"move",
     move_of("0-30", "redis-3"),
     {},
     [](auto& cluster) { return cluster.owner_of(0) == 3 && cluster.owner_of(30) == 3; }},
    // Without a slot it becomes a replica, so that nothing moves to it any more.
    {"drain", drain_of("redis-3"), {}, [](auto& cluster) { return cluster.slots_of(3) == 0; }},
    {"repair", "type: Repair", leave_a_slot_open, [](auto& cluster) { return !any_slot_open(cluster); }},
};

class OperatorGoals : public OperatorTest {
 protected:
  OperatorGoals() : OperatorTest({.primaries = 3, .empty_primaries = 1}, kKeys) {}
};

TEST_F(OperatorGoals, AreReachedOneAfterTheOther) {
  rig::Writer writer(cluster_.seed(), {.operations_per_second = 200, .keys = 200});
  const auto before = digest_without(cluster_.seed(), "writer:");
  const auto running = start();
  for (const auto& row : kGoals) {
    SCOPED_TRACE(row.name);
    if (row.before) row.before(cluster_);
    apply_named(row.name, row.goal, kAtOnce);
    ASSERT_TRUE(reaches("Succeeded", kWork, row.name)) << told(row.name) << running->said();
    ASSERT_NO_THROW(cluster_.wait_until_agreed());
    EXPECT_TRUE(row.reached(cluster_)) << told(row.name);
  }
  expect_nothing_lost(writer);
  expect_clean(cluster_);
  expect_same_data(before, digest_without(cluster_.seed(), "writer:"));
}

}  // namespace
}  // namespace rebalance
