// What is large: twenty primaries with two million keys, and keys of 100 MB.
#include "servers/run_rig.h"

namespace rebalance {
namespace {

using testing::HasSubstr;

struct Case {
  std::string engine, version;
};

void PrintTo(const Case& one, std::ostream* out) { *out << one.engine << " of " << one.version; }

std::string case_name(const testing::TestParamInfo<Case>& info) {
  return info.param.engine + "_" + info.param.version;
}

class LongScale : public testing::TestWithParam<Case> {};
class LongBigKeys : public testing::TestWithParam<Case> {};

INSTANTIATE_TEST_SUITE_P(Long, LongScale,
                         testing::Values(Case{"KeyByKey", "r70"}, Case{"LiveCopy", "r70"},
                                         Case{"Atomic", "r86"}),
                         case_name);
INSTANTIATE_TEST_SUITE_P(Long, LongBigKeys, testing::Values(Case{"KeyByKey", "r70"}, Case{"Atomic", "r86"}),
                         case_name);

constexpr int kOld = 16, kNew = 4;
constexpr std::int64_t kKeys = 2'000'000;

TEST_P(LongScale, TwentyPrimariesWithTwoMillionKeysAreBalanced) {
  const auto& [engine, version] = GetParam();
  rig::TestCluster cluster(rig::version_named(version), {.primaries = kOld, .empty_primaries = kNew});
  rig::fill(cluster.seed(), {.keys = kKeys,
                             .min_value_bytes = 100,
                             .max_value_bytes = 100,
                             .mixed_types = false,
                             .ttl_share = 0,
                             .tag_share = 0,
                             .binary_share = 0});
  const auto before = rig::digest(cluster.seed());
  rig::Writer writer(cluster.seed(), {.operations_per_second = 200, .deletes = false});
  Work work(cluster);
  work.aim("type: Balance", "engine: " + engine + "\n");
  const auto finished = work.run();
  ASSERT_EQ(finished.exit_code, kDone) << finished.out;
  expect_nothing_lost(writer);
  constexpr double kShare = static_cast<double>(kKeys) / (kOld + kNew);
  for (int i = 0; i < cluster.size(); ++i)
    EXPECT_NEAR(static_cast<double>(cluster.keys_of(i)), kShare, 0.1 * kShare) << "node " << i;
  expect_clean(cluster);
  expect_same_data(before, digest_without(cluster.seed(), "writer:"));
}

constexpr std::int64_t kBigKey = 100LL << 20;

// Two strings and two hashes of 100 MB, on two sources, to one target.
std::vector<int> write_big_keys(const rig::TestCluster& cluster, int from, int to) {
  const auto topology = rig::Topology::read(cluster.seed());
  std::map<int, std::vector<int>> slots;  // by owner, as the topology numbers them
  std::vector<int> all;
  for (int tag = 0; all.size() < 4; ++tag) {
    const auto key = "big{" + std::to_string(tag) + "}";
    const int slot = rig::key_slot(key), owner = topology.owner[static_cast<std::size_t>(slot)];
    if (slot < from || slot > to || slots[owner].size() == 2) continue;
    slots[owner].push_back(slot);
    all.push_back(slot);
    if (slots[owner].size() == 1) {
      rig::write_big_hash(cluster.seed(), key, kBigKey);
      continue;
    }
    rig::Client(topology.primaries[static_cast<std::size_t>(owner)], rig::Milliseconds(30'000))
        .must({"SET", key, std::string(kBigKey, 'x')});
  }
  return all;
}

// Whatever the room: no failure, the target under its ceiling, and a key that stays is named with the reason.
TEST_P(LongBigKeys, OfAHundredMegabytesMoveOrStayWithTheReason) {
  const auto& [engine, version] = GetParam();
  for (const std::int64_t limit : {3000LL << 20, 700LL << 20}) {
    rig::TestCluster cluster(rig::version_named(version),
                             {.primaries = 3, .server = {.node_timeout_ms = 15'000}});
    rig::fill(cluster.seed(), {.keys = 3000});
    const auto slots = write_big_keys(cluster, 5161, 5760);
    const auto before = rig::digest(cluster.seed());
    Work work(cluster);
    work.aim(move_of("5161-5760", "redis-2"), "engine: " + engine + "\n", limit);
    const auto finished = work.run();
    const auto stay = std::ranges::count_if(slots, [&](int slot) { return cluster.owner_of(slot) != 2; });
    if (finished.exit_code == kRefused) {
      EXPECT_THAT(finished.out,
                  testing::AllOf(HasSubstr("Refused by the rule Ceiling"), HasSubstr("would be enough")));
      EXPECT_EQ(stay, std::ssize(slots)) << "a plan that does not fit moves nothing";
    } else {
      EXPECT_EQ(finished.exit_code, kDone) << finished.out;
      if (stay > 0) {
        EXPECT_THAT(finished.out,
                    testing::AllOf(HasSubstr(std::to_string(stay) + " slots stayed where they were"),
                                   HasSubstr("has no room for its buffers on")));
      }
    }
    std::cout << stay << " of " << slots.size() << " big keys stay with a limit of " << limit << "\n";
    expect_stayed_under_its_ceiling(cluster, 2, limit);
    expect_clean(cluster);
    expect_same_data(before, rig::digest(cluster.seed()));
  }
}

}  // namespace
}  // namespace rebalance
