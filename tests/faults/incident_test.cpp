// Clusters near their limits, each made from a seed: every server in a memory control group of its own (where
// such can be made), data and clients that grow while slots move, and a program that is killed now and then.
// No server may be killed for its memory, nothing that was acknowledged may be lost, and every trial ends
// done, or refused or failed with a reason and no slot open.
#include <csignal>
#include <random>

#include "faults/durable.h"
#include "servers/run_rig.h"

namespace rebalance {
namespace {

// What a seed makes.
struct Shape {
  explicit Shape(unsigned seed) : random(seed) {
    limit = pick(48, 80) << 20;
    empty_primaries = pick(1, 2);
    replicas = pick(0, 3) == 0 ? 1 : 0;
    full_percent = pick(50, 85);
    value_bytes = pick(200, 8000);
    big_key = pick(0, 2) == 0 ? pick(1, 6) << 20 : 0;
    growth_percent = pick(0, 6);
    kills = pick(0, 2);
    const std::vector<std::string> goals{"type: Balance",
                                         "type: Balance",
                                         "type: Balance",
                                         drain_of("redis-0"),
                                         move_of("0-3999", "redis-1"),
                                         move_of("0-5000", "redis-3")};
    goal = goals[static_cast<std::size_t>(pick(0, std::ssize(goals) - 1))];
  }
  std::int64_t pick(std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(most - least + 1));
  }

  std::mt19937_64 random;
  std::int64_t limit = 0, full_percent = 0, value_bytes = 0, big_key = 0, growth_percent = 0, kills = 0;
  std::int64_t empty_primaries = 0, replicas = 0;
  std::string goal;
};

std::unique_ptr<rig::TestCluster> cluster_of(const Shape& shape, const std::string& version) {
  rig::ClusterOptions options{.primaries = 3,
                              .empty_primaries = static_cast<int>(shape.empty_primaries),
                              .replicas = static_cast<int>(shape.replicas)};
  options.server.memory_limit = shape.limit;
  return std::make_unique<rig::TestCluster>(rig::version_named(version), options);
}

// Until the fullest of the primaries has so much of its limit.
void fill_up(rig::TestCluster& cluster, const Shape& shape) {
  const auto fullest = [&] {
    std::int64_t most = 0;
    for (int i = 0; i < 3; ++i) most = std::max(most, cluster.node(i).rss());
    return most;
  };
  constexpr std::int64_t kStep = 1 << 20;
  for (unsigned part = 0; fullest() < shape.limit * shape.full_percent / 100; ++part) {
    rig::fill(cluster.seed(), {.seed = part + 1,
                               .keys = std::max<std::int64_t>(20, 3 * kStep / shape.value_bytes),
                               .min_value_bytes = shape.value_bytes,
                               .max_value_bytes = 2 * shape.value_bytes,
                               .prefix = "part" + std::to_string(part) + ":"});
  }
  if (shape.big_key > 0) rig::write_big_hash(cluster.seed(), "big", shape.big_key);
}

// They write new keys until there is so much more of them.
rig::WriterOptions clients_of(const Shape& shape) {
  const std::int64_t growth = 3 * shape.limit * shape.growth_percent / 100;
  return {.operations_per_second = 400,
          .keys = static_cast<int>(std::clamp<std::int64_t>(growth / 1000, 200, 20'000)),
          .value_bytes = 1000};
}

// Runs to an end that no kill cuts short.
rig::Finished to_the_end(Work& work, Shape& shape) {
  for (std::int64_t kill = 0; kill < shape.kills; ++kill) {
    const auto started = work.start();
    const int code = started->exit_code(rig::Milliseconds(shape.pick(300, 4000)));
    if (code == kDone) return {.exit_code = code, .out = started->said()};
    if (code < 0) started->process().kill_hard();
  }
  rig::Finished finished = work.run();
  // A view that is not whole yet, or memory that is not free yet, is another try for whoever runs it.
  for (int again = 0; again < 2 && finished.exit_code != kDone; ++again) {
    rig::nap(rig::Milliseconds(2000));
    finished = work.run();
  }
  return finished;
}

struct Trial {
  std::string version;
  unsigned seed;
};
void PrintTo(const Trial& trial, std::ostream* out) { *out << trial.seed << " on " << trial.version; }

class Incidents : public testing::TestWithParam<Trial> {};

TEST_P(Incidents, KillNobodyLoseNothingAndEndWithAReason) {
  Shape shape(GetParam().seed);
  const auto cluster = cluster_of(shape, GetParam().version);
  fill_up(*cluster, shape);
  const auto before = digest_of(*cluster);
  rig::Writer writer(cluster->seed(), clients_of(shape));
  Work work(*cluster);
  work.aim(shape.goal);
  const auto finished = to_the_end(work, shape);
  std::cout << shape.goal << ", limit " << (shape.limit >> 20) << " MiB, " << shape.full_percent
            << " % full: exit code " << finished.exit_code << '\n';
  expect_nobody_killed(*cluster);
  expect_clean(*cluster);
  expect_nothing_lost(writer);
  expect_same_data(before, digest_of(*cluster));
  const bool told = finished.exit_code == kDone || finished.exit_code == kRefused ||
                    (finished.exit_code == kFailed && finished.out.find("Failed (") != std::string::npos);
  EXPECT_TRUE(told) << finished.exit_code << finished.out;
}

std::vector<Trial> trials(unsigned first, unsigned last) {
  std::vector<std::string> versions{"r70"};
  for (const auto& version : atomic_versions()) versions.push_back(version.name);
  std::vector<Trial> all;
  for (unsigned seed = first; seed <= last; ++seed) all.push_back({versions[seed % versions.size()], seed});
  return all;
}

std::string name_of(const testing::TestParamInfo<Trial>& test) {
  return std::to_string(test.param.seed) + "on" + test.param.version;
}
INSTANTIATE_TEST_SUITE_P(Seeds, Incidents, testing::ValuesIn(trials(1, 12)), name_of);
INSTANTIATE_TEST_SUITE_P(LongSeeds, Incidents, testing::ValuesIn(trials(13, 200)), name_of);

}  // namespace
}  // namespace rebalance
