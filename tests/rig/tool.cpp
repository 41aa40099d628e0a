// rig-tool: a real cluster on this machine from the command line, for the demo and for scripts.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>

#include "rig/fill.h"
#include "rig/manifests.h"
#include "rig/writer.h"

namespace {

namespace fs = std::filesystem;

volatile std::sig_atomic_t asked_to_stop = 0;  // NOLINT: what a signal handler may touch

constexpr double kMiB = 1 << 20;

struct Arguments {
  fs::path folder;
  std::string server = "r70";
  rig::ClusterOptions cluster;
  rig::ManifestOptions manifests;
  std::string limit;
  rig::FillOptions fill;
  std::string bytes;
  std::string slots;
  rig::WriterOptions load;
  double seconds = 10;
  bool as_json = false;
};

// "118Mi" and the like, for people who start a cluster by hand.
int64_t bytes_of(const std::string& text) {
  const std::map<std::string, int64_t> units{{"", 1},           {"Ki", 1LL << 10}, {"Mi", 1LL << 20},
                                             {"Gi", 1LL << 30}, {"k", 1000},       {"M", 1000000},
                                             {"G", 1000000000}};
  size_t end = 0;
  const int64_t number = std::stoll(text, &end);
  const auto unit = units.find(text.substr(end));
  if (unit == units.end()) throw std::runtime_error("'" + text + "' is no size; for example 118Mi");
  return number * unit->second;
}

// What `up` leaves for the others: one line a node.
struct NodeFile {
  std::string host;
  int port = 0;
  pid_t pid = 0;
  std::string cgroup;
};

rig::Endpoint seed_of(const fs::path& folder) {
  rig::Endpoint seed;
  std::ifstream in(folder / "nodes");
  if (!(in >> seed.host >> seed.port))
    throw std::runtime_error("no cluster is up in " + folder.string() + ": start one with rig-tool up");
  return seed;
}

void write_nodes(const fs::path& folder, const rig::TestCluster& cluster) {
  std::ostringstream out;
  for (int i = 0; i < cluster.size(); ++i) {
    const rig::Server& server = cluster.node(i);
    const std::string cgroup = server.cgroup() != nullptr ? server.cgroup()->folder().string() : "-";
    out << server.host() << ' ' << server.port() << ' ' << server.pid() << ' ' << cgroup << '\n';
  }
  rig::write_file(folder / "nodes.new", out.str());
  fs::rename(folder / "nodes.new", folder / "nodes");
}

// Until TERM or INT, so that whoever started it decides how long the cluster lives.
int up(Arguments& arguments) {
  std::signal(SIGTERM, [](int) { asked_to_stop = 1; });
  std::signal(SIGINT, [](int) { asked_to_stop = 1; });
  if (!arguments.limit.empty()) {
    arguments.cluster.server.memory_limit = bytes_of(arguments.limit);
    arguments.manifests.default_limit = *arguments.cluster.server.memory_limit;
    if (const auto& reason = rig::cgroups_unavailable(); !reason.empty())
      std::cout << "The servers run without a memory limit: " << reason << '\n';
  }
  fs::create_directories(arguments.folder);
  fs::remove(arguments.folder / "nodes");
  rig::write_file(arguments.folder / "pid", std::to_string(getpid()));
  const rig::TestCluster cluster(rig::version_named(arguments.server), arguments.cluster, arguments.folder);
  rig::write_manifests(arguments.folder, cluster, arguments.manifests);
  write_nodes(arguments.folder, cluster);
  std::cout << "up: " << cluster.size() << " nodes of " << arguments.server << " in "
            << arguments.folder.string() << std::endl;
  while (asked_to_stop == 0) rig::nap(rig::Milliseconds(50));
  fs::remove(arguments.folder / "nodes");
  fs::remove(arguments.folder / "pid");
  return 0;
}

int down(const Arguments& arguments) {
  std::ifstream in(arguments.folder / "pid");
  pid_t pid = 0;
  if (!(in >> pid) || kill(pid, SIGTERM) != 0) return 0;  // it is down already
  if (rig::wait_until([&] { return kill(pid, 0) != 0 || !fs::exists(arguments.folder / "pid"); },
                      rig::Milliseconds(20'000)))
    return 0;
  std::cerr << "rig-tool: process " << pid << " does not end\n";
  return 1;
}

int fill(Arguments& arguments) {
  auto& options = arguments.fill;
  if (!arguments.bytes.empty()) {
    // The mean of sizes that are spread evenly in the logarithm.
    const auto low = static_cast<double>(options.min_value_bytes);
    const auto high = static_cast<double>(options.max_value_bytes);
    const double mean = (high - low) / std::log(high / low);
    options.keys = std::llround(static_cast<double>(bytes_of(arguments.bytes)) / mean);
  }
  if (int from = 0, to = 0; std::sscanf(arguments.slots.c_str(), "%d-%d", &from, &to) == 2)
    options.only_slots = [=](int slot) { return slot >= from && slot <= to; };
  const rig::Filled filled = rig::fill(seed_of(arguments.folder), options);
  std::printf("filled: %lld keys, %.1f MiB of values\n", static_cast<long long>(filled.keys),
              static_cast<double>(filled.value_bytes) / kMiB);
  return 0;
}

int load(const Arguments& arguments) {
  rig::Writer writer(seed_of(arguments.folder), arguments.load);
  rig::nap(rig::Milliseconds(static_cast<int64_t>(arguments.seconds * 1000)));
  const rig::WriterReport report = writer.stop();
  const rig::WriterVerdict verdict = writer.verify();
  std::printf(
      "load: %lld acknowledged in %.1f s, %lld refused, %lld unknown, %lld MOVED, %lld ASK, %lld TRYAGAIN\n",
      static_cast<long long>(report.acknowledged), report.seconds, static_cast<long long>(report.refused),
      static_cast<long long>(report.unknown), static_cast<long long>(report.moved),
      static_cast<long long>(report.ask), static_cast<long long>(report.try_again));
  std::printf("latency in us: p50 %lld, p99 %lld, p99.9 %lld, max %lld\n", static_cast<long long>(report.p50),
              static_cast<long long>(report.p99), static_cast<long long>(report.p999),
              static_cast<long long>(report.max));
  std::printf("verified: %lld keys, %lld lost, %lld phantom\n%s", static_cast<long long>(verdict.checked),
              static_cast<long long>(verdict.lost), static_cast<long long>(verdict.phantom),
              verdict.examples.c_str());
  return verdict.lost + verdict.phantom == 0 ? 0 : 1;
}

struct NodeStats {
  bool alive = false;
  int64_t used = 0;
  int64_t keys = 0;
  int64_t slots = 0;
};

NodeStats stats_of(const NodeFile& node) {
  NodeStats stats;
  try {
    rig::Client client({node.host, node.port, "", "", {}, {}, {}}, rig::Milliseconds(2000));
    stats.used = std::stoll(rig::info_field(client.must({"INFO", "memory"}).text, "used_memory"));
    stats.keys = client.must({"DBSIZE"}).integer;
    for (const auto& view : rig::parse_nodes(client.must({"CLUSTER", "NODES"}).text))
      if (view.flags.contains("myself")) stats.slots = static_cast<int64_t>(rig::slots_in(view.slots).size());
    stats.alive = true;
  } catch (const std::exception&) {
    stats.alive = false;  // killed: that is what the caller wants to see
  }
  return stats;
}

int stats(const Arguments& arguments) {
  seed_of(arguments.folder);
  std::ifstream in(arguments.folder / "nodes");
  if (!arguments.as_json)
    std::printf("%-8s %-6s %6s %9s %10s %10s %10s %10s %5s\n", "POD", "ALIVE", "SLOTS", "KEYS", "USED MiB",
                "RESIDENT", "PEAK", "LIMIT", "KILLS");
  NodeFile node;
  for (int i = 0; in >> node.host >> node.port >> node.pid >> node.cgroup; ++i) {
    const NodeStats now = stats_of(node);
    const bool limited = node.cgroup != "-";
    const auto group = rig::read_usage(limited ? fs::path(node.cgroup) : fs::path());
    if (arguments.as_json) {
      std::printf(
          "{\"pod\":\"redis-%d\",\"alive\":%s,\"slots\":%lld,\"keys\":%lld,\"used\":%lld,\"anonymous\":%lld,"
          "\"peak\":%lld,\"limit\":%lld,\"oomKills\":%lld}\n",
          i, now.alive ? "true" : "false", static_cast<long long>(now.slots),
          static_cast<long long>(now.keys), static_cast<long long>(now.used),
          static_cast<long long>(group.anonymous), static_cast<long long>(group.peak),
          static_cast<long long>(group.limit), static_cast<long long>(group.oom_kills));
      continue;
    }
    std::printf("redis-%-2d %-6s %6lld %9lld %10.1f", i, now.alive ? "yes" : "KILLED",
                static_cast<long long>(now.slots), static_cast<long long>(now.keys),
                static_cast<double>(now.used) / kMiB);
    if (limited)
      std::printf(" %10.1f %10.1f %10.1f %5lld\n", static_cast<double>(group.anonymous) / kMiB,
                  static_cast<double>(group.peak) / kMiB, static_cast<double>(group.limit) / kMiB,
                  static_cast<long long>(group.oom_kills));
    else
      std::printf(" %10s %10s %10s %5s\n", "-", "-", "-", "-");
  }
  return 0;
}

CLI::App* add_command(CLI::App& app, Arguments& arguments, const char* name, const char* help) {
  CLI::App* command = app.add_subcommand(name, help);
  command->add_option("--folder", arguments.folder, "of the cluster")->required();
  return command;
}

void describe(CLI::App& app, Arguments& arguments) {
  CLI::App* command = add_command(app, arguments, "up", "start a cluster; it lives until this process ends");
  command->add_option("--server", arguments.server, "version: r60 r62 r70 r80 r86 v81 v91");
  command->add_option("--primaries", arguments.cluster.primaries);
  command->add_option("--empty", arguments.cluster.empty_primaries, "primaries without slots");
  command->add_option("--replicas", arguments.cluster.replicas, "of each primary");
  command->add_option("--limit", arguments.limit, "memory limit of each node, for example 118Mi");
  command->add_option("--goal", arguments.manifests.goal, "YAML below spec.goal");
  command->add_option("--spec", arguments.manifests.spec, "further YAML below spec");
  command->add_option("--config", arguments.cluster.server.config, "further lines of redis.conf");
  command->add_flag("--aof", arguments.cluster.server.aof);
  add_command(app, arguments, "down", "end it");
  command = add_command(app, arguments, "fill", "fill it with data of mixed types and sizes");
  command->add_option("--keys", arguments.fill.keys);
  command->add_option("--bytes", arguments.bytes,
                      "of values, about, in the whole cluster; instead of --keys");
  command->add_option("--min", arguments.fill.min_value_bytes);
  command->add_option("--max", arguments.fill.max_value_bytes);
  command->add_option("--seed", arguments.fill.seed);
  command->add_option("--prefix", arguments.fill.prefix);
  command->add_option("--slots", arguments.slots, "FROM-TO: keys of other slots are left out");
  command->add_flag("--strings{false}", arguments.fill.mixed_types, "strings only");
  command = add_command(app, arguments, "load", "write for a while, then look whether every write is there");
  command->add_option("--ops", arguments.load.operations_per_second, "a second");
  command->add_option("--seconds", arguments.seconds);
  command->add_option("--keys", arguments.load.keys);
  command = add_command(app, arguments, "stats", "what each node holds, its memory group, its kills");
  command->add_flag("--json", arguments.as_json);
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("A real cluster on this machine.");
  app.require_subcommand(1);
  describe(app, arguments);
  CLI11_PARSE(app, argc, argv);
  try {
    if (app.got_subcommand("up")) return up(arguments);
    if (app.got_subcommand("down")) return down(arguments);
    if (app.got_subcommand("fill")) return fill(arguments);
    if (app.got_subcommand("load")) return load(arguments);
    return stats(arguments);
  } catch (const std::exception& problem) {
    std::cerr << "rig-tool: " << problem.what() << '\n';
    return 1;
  }
}
