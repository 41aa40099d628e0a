#include "rebalance_contest.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>

#include "rebalance_by_hand.h"
#include "rig/fill.h"
#include "rig/manifests.h"
#include "rig/process.h"
#include "rig/temp_folder.h"

namespace rebalance {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t kPodLimit = 1LL << 30;
constexpr rig::Milliseconds kLook{2};
constexpr rig::Milliseconds kPatience{900'000};

double seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

// What a tool prints when its first slot is about to move or just has, and when its last one has.
struct Marks {
  std::string begin, end;  // end empty: its exit
};

struct Watched {
  Clock::time_point started, began, ended, exited;
  std::int64_t peak_bytes = 0;
  double cpu_seconds = 0;
  std::string output;
};

// VmHWM, not the kernel's figure for ended children: that counts the memory of the parent they were forked
// from.
std::int64_t peak_of(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoll(line.substr(6)) * 1024;
  }
  return 0;
}

double cpu_of(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string word;
  for (int field = 1; field < 14 && in >> word; ++field) {
  }
  double user = 0, system = 0;
  if (!(in >> user >> system)) return 0;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

// Runs it and looks at it every two milliseconds: what is read last, just before the exit, counts.
Watched watch(const std::vector<std::string>& words, const Marks& marks,
              const std::filesystem::path& output) {
  Watched seen{Clock::now(), {}, {}, {}, 0, 0, {}};
  rig::Process process(words, {.output = output});
  while (!process.wait(rig::Milliseconds(0))) {
    if (Clock::now() - seen.started > kPatience) throw std::runtime_error(words[0] + " takes too long");
    seen.peak_bytes = std::max(seen.peak_bytes, peak_of(process.pid()));
    seen.cpu_seconds = std::max(seen.cpu_seconds, cpu_of(process.pid()));
    const bool wanted =
        seen.began == Clock::time_point{} || (!marks.end.empty() && seen.ended == Clock::time_point{});
    if (wanted) {
      const auto text = rig::read_file(output);
      const auto begin = text.find(marks.begin);
      if (begin != std::string::npos && seen.began == Clock::time_point{}) seen.began = Clock::now();
      if (!marks.end.empty() && text.find(marks.end) != std::string::npos) seen.ended = Clock::now();
    }
    rig::nap(kLook);
  }
  seen.exited = Clock::now();
  if (seen.ended == Clock::time_point{}) seen.ended = seen.exited;
  seen.output = rig::read_file(output);
  if (process.wait(rig::Milliseconds(0)) != 0 || seen.began == Clock::time_point{})
    throw std::runtime_error(fmt::format("{} failed: {}", words[0], seen.output));
  return seen;
}

nlohmann::json summary_in(const std::string& output) {
  const auto begin = output.rfind("{\"event\":\"summary\"");
  if (begin == std::string::npos) throw std::runtime_error("no summary: " + output);
  return nlohmann::json::parse(output.substr(begin, output.find('\n', begin) - begin));
}

struct Told {
  Watched watched;
  int slots = 0;
  double moving_seconds = 0;
};

Told run_ours(const Contestant& contestant, const std::string& program, const rig::TestCluster& cluster,
              const std::filesystem::path& folder) {
  rig::write_manifests(folder / "manifests", cluster,
                       {.goal = contestant.goal, .spec = contestant.spec, .default_limit = kPodLimit});
  Told told{watch({program, "run", "-f", (folder / "manifests").string(), "--state",
                   (folder / "state").string(), "-o", "json"},
                  {R"("state":"Rebalancing")", R"("state":"Verifying")"}, folder / "said"),
            0, 0};
  const auto summary = summary_in(told.watched.output);
  told.slots = summary.at("slotsMoved");
  told.moving_seconds = summary.at("movingSeconds");
  return told;
}

// It prints "#" after each slot, at once. Its first slot is not in the time seen, so it is added as a mean
// one.
Told run_redis_cli(const Contestant& contestant, const rig::TestCluster& cluster,
                   const std::filesystem::path& folder) {
  const auto& seed = cluster.node(0);
  std::vector<std::string> words{seed.version().cli.string(),
                                 "--cluster",
                                 "rebalance",
                                 fmt::format("{}:{}", seed.host(), seed.port()),
                                 "--cluster-use-empty-masters",
                                 "--cluster-yes"};
  words.insert(words.end(), contestant.words.begin(), contestant.words.end());
  Told told{watch(words, {"#", ""}, folder / "said"), 0, 0};
  told.slots = static_cast<int>(std::ranges::count(told.watched.output, '#'));
  const double seen = seconds(told.watched.ended - told.watched.began);
  told.moving_seconds = told.slots > 1 ? seen * told.slots / (told.slots - 1) : seen;
  return told;
}

Told run_by_hand(const rig::TestCluster& cluster, const Workload& workload) {
  Told told;
  told.watched.started = told.watched.began = Clock::now();
  const auto moved = move_by_hand(cluster, workload.primaries);
  told.watched.ended = told.watched.exited = Clock::now();
  told.slots = moved.slots;
  told.moving_seconds = moved.seconds;
  return told;
}

Told run_tool(const Contestant& contestant, const Workload& workload, const rig::TestCluster& cluster,
              const std::filesystem::path& folder) {
  switch (contestant.tool) {
    case Tool::kOurs: return run_ours(contestant, workload.program, cluster, folder);
    case Tool::kRedisCli: return run_redis_cli(contestant, cluster, folder);
    case Tool::kByHand: break;
  }
  return run_by_hand(cluster, workload);
}

std::int64_t keys_of_new(const rig::TestCluster& cluster, const Workload& workload) {
  std::int64_t keys = 0;
  for (int i = workload.primaries; i < cluster.primaries(); ++i) keys += cluster.keys_of(i);
  return keys;
}

void must_be_clean(const rig::TestCluster& cluster, const rig::WriterVerdict& verdict) {
  cluster.wait_until_agreed();
  if (const auto judgement = cluster.check(); !judgement.clean) throw std::runtime_error(judgement.text);
  if (verdict.phantom > 0) throw std::runtime_error("phantom writes: " + verdict.examples);
}

}  // namespace

Measured compete(const Contestant& contestant, const Workload& workload) {
  rig::TempFolder folder;
  rig::TestCluster cluster(workload.version, {.primaries = workload.primaries,
                                              .empty_primaries = workload.empty_primaries,
                                              .replicas = workload.replicas});
  rig::fill(cluster.seed(), {.keys = workload.keys,
                             .min_value_bytes = workload.value_bytes,
                             .max_value_bytes = workload.value_bytes,
                             .mixed_types = false,
                             .hash_fields = workload.hash_fields,
                             .ttl_share = 0,
                             .tag_share = 0,
                             .binary_share = 0});
  rig::Writer clients(cluster.seed(),
                      {.operations_per_second = workload.operations_per_second, .threads = workload.clients});
  if (!rig::wait_until([&] { return clients.acknowledged() > 500; }, rig::Milliseconds(20'000)))
    throw std::runtime_error("the clients do not get to work");
  const Told told = run_tool(contestant, workload, cluster, folder.path());
  const auto report = clients.stop(rig::TimeWindow{told.watched.began, told.watched.ended});
  const auto verdict = clients.verify();
  must_be_clean(cluster, verdict);
  return {contestant.name,
          told.slots,
          keys_of_new(cluster, workload),
          told.moving_seconds,
          seconds(told.watched.exited - told.watched.started),
          told.watched.cpu_seconds,
          told.watched.peak_bytes,
          report,
          verdict.lost};
}

}  // namespace rebalance
