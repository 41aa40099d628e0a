// What the tests of `run` share: one RedisRebalance over a test cluster, the program at work on it, and what
// must hold after it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "rig/cluster.h"
#include "rig/digest.h"
#include "rig/fill.h"
#include "rig/manifests.h"
#include "rig/writer.h"

namespace rebalance {

enum ExitCode { kDone = 0, kInvalid = 2, kRefused = 3, kFailed = 4, kStopped = 5, kAwaitsApproval = 6 };

inline constexpr const char* kAtOnce = "approval: {mode: Automatic}\n";
// For servers that stand alone and keep their data in memory.
inline constexpr const char* kAlone = "safety: {replicas: Ignore, persistence: Ignore}\n";
// Slow enough to be met in the middle, with a slot open, whatever machine this runs on.
inline constexpr const char* kSlowly = "engine: KeyByKey\nbatch: {maxBytesPerSecond: 300Ki}\n";

inline std::string drain_of(const std::string& pod) { return "type: Drain\ndrain: {pods: [" + pod + "]}"; }
inline std::string move_of(const std::string& slots, const std::string& pod) {
  return "type: Move\nmove: {assignments: [{slots: \"" + slots + "\", to: " + pod + "}]}";
}

// Those whose slots change hands atomically.
inline std::vector<rig::ServerVersion> atomic_versions() {
  auto all = rig::installed_versions();
  std::erase_if(all, [](const auto& version) { return !version.moves_atomically(); });
  return all;
}

inline std::vector<rig::ServerVersion> live_versions() {
  auto all = rig::installed_versions();
  std::erase_if(all, [](const auto& version) { return !version.copies_live(); });
  return all;
}

// Redis 7.0 and the newest: what need not be shown on every version is shown on these.
inline std::vector<rig::ServerVersion> two_versions() {
  auto all = rig::installed_versions();
  std::erase_if(
      all, [&](const auto& version) { return version.name != "r70" && version.name != all.back().name; });
  return all;
}

// The program in the background.
class Started {
 public:
  Started(const std::vector<std::string>& words, std::filesystem::path output)
      : output_(std::move(output)), process_(words, {.output = output_}) {}

  rig::Process& process() { return process_; }
  std::string said() const { return rig::read_file(output_); }
  // -1: it still runs after the limit.
  int exit_code(rig::Milliseconds limit = rig::Milliseconds(120'000)) {
    return process_.wait(limit).value_or(-1);
  }

 private:
  std::filesystem::path output_;
  rig::Process process_;
};

// One RedisRebalance after another over one cluster. Each goal has a state folder of its own, which every run
// towards it shares.
class Work {
 public:
  explicit Work(const rig::TestCluster& cluster, std::string spec = kAtOnce + std::string(kAlone))
      : cluster_(cluster), spec_(std::move(spec)) {}

  void aim(const std::string& goal, const std::string& more_spec = "", std::int64_t limit = 512LL << 20) {
    ++goals_;
    goal_ = goal;
    amend(more_spec, limit);
  }

  // The same goal and state, other words beside it.
  void amend(const std::string& more_spec, std::int64_t limit = 512LL << 20) {
    rig::write_manifests(manifests(), cluster_,
                         {.goal = goal_, .spec = spec_ + more_spec, .default_limit = limit});
  }

  std::filesystem::path manifests() const { return folder_.path() / "manifests"; }
  std::filesystem::path state() const { return folder_.path() / ("state-" + std::to_string(goals_)); }

  std::vector<std::string> words(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words = {PROGRAM, "run", "-f", manifests().string()};
    if (std::ranges::find(more, "--state") == more.end())
      words.insert(words.end(), {"--state", state().string()});
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  rig::Finished run(const std::vector<std::string>& more = {}) const {
    auto finished = rig::run(words(more), {.limit = rig::Milliseconds(200'000)});
    finished.out += finished.err;  // what was said
    if (const auto at = finished.out.find("\nMoved "); at != std::string::npos)
      std::cout << finished.out.substr(at + 1, finished.out.find('\n', at + 1) - at);
    return finished;
  }

  std::unique_ptr<Started> start(const std::vector<std::string>& more = {}) {
    return std::make_unique<Started>(words(more), folder_.path() / ("said-" + std::to_string(++starts_)));
  }

  // What every run in the background has said, for a test that failed.
  std::string said() const {
    std::string all;
    for (int i = 1; i <= starts_; ++i) {
      const auto number = std::to_string(i);
      all += "---- run " + number + "\n" + rig::read_file(folder_.path() / ("said-" + number));
    }
    return all;
  }

  // Nothing is left to be finished: no intent in the journal, no plan that is under way.
  void expect_nothing_left() const {
    const auto journal = state() / "intents.json";
    if (std::filesystem::exists(journal)) {
      EXPECT_THAT(rig::read_file(journal), testing::Not(testing::HasSubstr("\"slots\"")));
    }
    EXPECT_FALSE(std::filesystem::exists(state() / "plan.json"));
  }

 private:
  const rig::TestCluster& cluster_;
  std::string spec_, goal_;
  rig::TempFolder folder_;
  int goals_ = 0;
  int starts_ = 0;
};

// A slot is migrating or importing on some node that runs.
inline bool any_slot_open(rig::TestCluster& cluster) {
  for (int i = 0; i < cluster.size(); ++i) {
    if (!cluster.node(i).running()) continue;
    if (std::ranges::any_of(cluster.view_of(i), [](const auto& view) { return !view.open.empty(); }))
      return true;
  }
  return false;
}

inline bool wait_for_open_slot(rig::TestCluster& cluster) {
  return rig::wait_until([&] { return any_slot_open(cluster); }, rig::Milliseconds(60'000));
}

// Buffers and all: that is 80 % of its limit.
inline void expect_stayed_under_its_ceiling(const rig::TestCluster& cluster, int index, std::int64_t limit) {
  const auto memory = cluster.command(index, {"INFO", "memory"}).text;
  EXPECT_LT(std::stoll(rig::info_field(memory, "used_memory_peak")), limit * 8 / 10);
}

// By the kernel for its memory, or in another way.
inline void expect_nobody_killed(rig::TestCluster& cluster) {
  for (int i = 0; i < cluster.size(); ++i) {
    EXPECT_TRUE(cluster.node(i).running()) << "node " << i;
    const auto* cgroup = cluster.node(i).cgroup();
    EXPECT_EQ(cgroup == nullptr ? 0 : cgroup->usage().oom_kills, 0) << "node " << i;
  }
}

// Agreed, covered, nothing open: by the nodes' own word and by redis-cli's.
inline void expect_clean(rig::TestCluster& cluster) {
  ASSERT_NO_THROW(cluster.wait_until_agreed());
  EXPECT_FALSE(any_slot_open(cluster));
  EXPECT_EQ(std::ranges::count(cluster.owners(), -1), 0);
  const auto judgement = cluster.check();
  EXPECT_TRUE(judgement.clean) << judgement.text;
}

// Every replica ends up with as many keys as its primary.
inline void expect_replicas_follow(rig::TestCluster& cluster) {
  for (int i = 0; i < cluster.size(); ++i) {
    const auto views = cluster.view_of(i);
    const auto own =
        std::ranges::find_if(views, [](const auto& view) { return view.flags.contains("myself"); });
    if (own == views.end() || own->primary.empty()) continue;
    const int primary = cluster.index_of(own->primary);
    EXPECT_TRUE(rig::wait_until([&] { return cluster.keys_of(i) == cluster.keys_of(primary); },
                                rig::Milliseconds(20'000)))
        << "node " << i << " holds " << cluster.keys_of(i) << ", its primary " << cluster.keys_of(primary);
  }
}

// What is there now against what was there before, but for keys that begin with `prefix` (a writer's).
inline rig::ClusterDigest digest_without(const rig::Endpoint& seed, const std::string& prefix) {
  auto digest = rig::digest(seed);
  std::erase_if(digest.keys, [&](const auto& key) { return key.first.starts_with(prefix); });
  return digest;
}

// Everything as it was. MIGRATE sends what is left of a time to live, so that it ends later by what the key
// was on its way: a few milliseconds, more where the machine was busy elsewhere just then.
inline void expect_same_data(const rig::ClusterDigest& before, const rig::ClusterDigest& after) {
  const auto difference = rig::compare(before, after, rig::Milliseconds(1000));
  EXPECT_TRUE(difference.none()) << difference.lost << " lost, " << difference.appeared << " appeared, "
                                 << difference.changed << " changed, " << difference.expiry_changed
                                 << " with another end:\n"
                                 << difference.examples;
  EXPECT_EQ(after.misplaced, 0);
  const auto expiring =
      std::ranges::count_if(before.keys, [](const auto& key) { return key.second.expires_at >= 0; });
  const auto to_the_millisecond = rig::compare(before, after, rig::Milliseconds(10)).expiry_changed;
  EXPECT_LE(to_the_millisecond * 20, expiring) << "of " << expiring << " keys with a time to live";
}

// 0 lost, 0 phantom; the figures stand in the test's output.
inline rig::WriterReport expect_nothing_lost(rig::Writer& writer, const std::set<int>& unjudged = {}) {
  const auto report = writer.stop();
  const auto verdict = writer.verify(unjudged);
  std::cout << "writer: " << report.acknowledged << " acknowledged, " << report.refused << " refused, "
            << report.unknown << " unknown; " << verdict.lost << " lost, " << verdict.phantom << " phantom\n";
  EXPECT_GT(report.acknowledged, 0) << report.last_error;
  EXPECT_EQ(verdict.lost, 0) << verdict.examples;
  EXPECT_EQ(verdict.phantom, 0) << verdict.examples;
  return report;
}

}  // namespace rebalance
