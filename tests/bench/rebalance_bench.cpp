// Against redis-cli --cluster rebalance: the same data, one after the other in one run, clients writing all
// the while. docs/benchmarks.md says how to read the table.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <stdexcept>
#include <vector>

#include "rebalance_contest.h"
#include "rebalance_plot.h"
#include "rebalance_table.h"

namespace rebalance {
namespace {

struct Options {
  std::string server = "r70";
  int rounds = 3;
  Workload workload;
  std::string out;
  std::vector<std::string> only;
};

// Servers that stand alone and keep their data in memory, and nobody there to approve: all else is the
// default.
constexpr const char* kAlone =
    "approval: {mode: Automatic}\nsafety: {replicas: Ignore, persistence: Ignore}\n";
// Times as many keys a second, and of the clients' p99.9.
constexpr double kKeyByKeyWanted = 1.5, kLiveWanted = 5, kLiveGentle = 3, kLiveWait = 1.5, kAtomicWanted = 15,
                 kAtomicOfByHand = 1 / 1.15;

std::vector<Row> contestants(const rig::ServerVersion& version) {
  const std::string alone = kAlone, one_pair = "batch: {parallelPairs: 1}\n";
  const bool live = version.copies_live(), atomic = version.moves_atomically();
  const auto redis_cli = [](const char* name, const char* settings, std::vector<std::string> words) {
    return Row{{name, settings, Tool::kRedisCli, "", "", 1, 1, 0, std::move(words)}, {}};
  };
  const auto ours = [](const char* name, const char* settings, const std::string& spec, double wanted,
                       double wait) {
    return Row{{name, settings, Tool::kOurs, "type: Balance", spec, wanted, wait, 0, {}}, {}};
  };
  std::vector<Row> rows{
      redis_cli("redis-cli", "--cluster-use-empty-masters --cluster-yes (pipeline 10, its default)", {}),
      redis_cli("redis-cli pipeline 100", "--cluster-use-empty-masters --cluster-yes --cluster-pipeline 100",
                {"--cluster-pipeline", "100"}),
      ours("default spec", "engine Auto", alone,
           live     ? kLiveGentle
           : atomic ? kAtomicWanted
                    : 1,
           kLiveWait),
      ours("key by key", "engine KeyByKey", alone + "engine: KeyByKey\n", 1, kLiveWait),
      ours("key by key, one pair", "engine KeyByKey, batch.parallelPairs 1",
           alone + "engine: KeyByKey\n" + one_pair, kKeyByKeyWanted, 1)};
  if (atomic) {
    rows[2].contestant.of_by_hand = kAtomicOfByHand;
    rows.push_back({{"by hand", "the servers' own commands, one source after another", Tool::kByHand}, {}});
  }
  if (!live) return rows;
  rows.push_back(ours("live copy", "engine LiveCopy", alone + "engine: LiveCopy\n", kLiveWanted, 2));
  rows.push_back(ours("live copy, one pair", "engine LiveCopy, batch.parallelPairs 1",
                      alone + "engine: LiveCopy\n" + one_pair, kLiveGentle, kLiveWait));
  return rows;
}

Options parse(int argc, char** argv) {
  Options options;
  CLI::App app("redis-rebalance against redis-cli --cluster rebalance");
  app.add_option("--server", options.server, "version of servers and redis-cli");
  app.add_option("--program", options.workload.program, "another build of ours");
  app.add_option("--rounds", options.rounds, "runs of each contestant")->check(CLI::PositiveNumber);
  app.add_option("--keys", options.workload.keys, "strings in all primaries together");
  app.add_option("--value-bytes", options.workload.value_bytes, "of each string");
  app.add_option("--hash-fields", options.workload.hash_fields,
                 "hashes of so many fields instead of strings");
  app.add_option("--primaries", options.workload.primaries, "that have slots")->check(CLI::PositiveNumber);
  app.add_option("--empty", options.workload.empty_primaries, "primaries that have none")
      ->check(CLI::PositiveNumber);
  app.add_option("--replicas", options.workload.replicas, "of each primary")->check(CLI::NonNegativeNumber);
  app.add_option("--rate", options.workload.operations_per_second, "writes a second of the clients");
  app.add_option("--clients", options.workload.clients, "that write, with a connection to each primary");
  app.add_option("--only", options.only, "only contestants whose name begins so; redis-cli in any case")
      ->expected(1, 9);
  app.add_option("--benchmark_out", options.out, "keep all figures here, as JSON");
  app.add_option("--benchmark_out_format")->description("for likeness with Google Benchmark: json");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    std::exit(app.exit(problem));
  }
  options.workload.version = rig::version_named(options.server);
  return options;
}

std::string title(const Options& options) {
  const auto& work = options.workload;
  return fmt::format("{} {}.{}.{}, {} {} of {} bytes, {} + {} primaries, medians of {} rounds",
                     work.version.product, work.version.major, work.version.minor, work.version.patch,
                     work.keys,
                     work.hash_fields > 0 ? fmt::format("hashes of {} fields", work.hash_fields) : "strings",
                     work.value_bytes, work.primaries, work.empty_primaries, options.rounds);
}

void print_settings(const Options& options, const std::vector<Row>& rows) {
  const auto& work = options.workload;
  fmt::print(
      "{} {}.{}.{}: {} primaries and {} empty, {} replicas each; {} {} of {} bytes; {} clients write "
      "{:.0f} a second\n"
      "{} rounds, each contestant once a round on a fresh cluster; load average {}\n",
      work.version.product, work.version.major, work.version.minor, work.version.patch, work.primaries,
      work.empty_primaries, work.replicas, work.keys,
      work.hash_fields > 0 ? fmt::format("hashes of {} fields", work.hash_fields) : "strings",
      work.value_bytes, work.clients, work.operations_per_second, options.rounds, load_average());
  for (const auto& row : rows) fmt::print("  {}: {}\n", row.contestant.name, row.contestant.settings);
}

// Each round begins with another one, so that nobody always comes first.
void race(const Options& options, std::vector<Row>& rows) {
  for (int round = 0; round < options.rounds; ++round) {
    for (std::size_t turn = 0; turn < rows.size(); ++turn) {
      auto& row = rows[(turn + static_cast<std::size_t>(round)) % rows.size()];
      row.runs.push_back(compete(row.contestant, options.workload));
      const auto& run = row.runs.back();
      fmt::print("round {}: {:<24} {} keys in {:.2f} s, p99.9 {:.2f} ms; load {}\n", round + 1, run.name,
                 run.keys, run.moving_seconds, static_cast<double>(run.clients.p999) / 1e3, load_average());
      std::fflush(stdout);
    }
  }
}

int bench(const Options& options) {
  auto rows = contestants(options.workload.version);
  std::erase_if(rows, [&](const Row& row) {
    const auto named = [&](const std::string& begin) { return row.contestant.name.starts_with(begin); };
    return row.contestant.name != rows.front().contestant.name && !options.only.empty() &&
           std::ranges::none_of(options.only, named);
  });
  print_settings(options, rows);
  race(options, rows);
  fmt::print("\n{}\n", table(rows));
  for (const auto& claim : claims(rows))
    fmt::print("{}: {}\n", claim.met ? "met" : "NOT MET", claim.sentence);
  if (options.out.empty()) return 0;
  write_json(options.out, rows, options.workload);
  write_plot(std::filesystem::path(options.out).replace_extension("svg"), title(options), rows);
  return 0;
}

}  // namespace
}  // namespace rebalance

int main(int argc, char** argv) {
  try {
    return rebalance::bench(rebalance::parse(argc, argv));
  } catch (const std::exception& problem) {
    fmt::print(stderr, "bench: {}\n", problem.what());
    return 1;
  }
}
