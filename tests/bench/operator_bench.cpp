// What the operator costs beside a real API server: from exec to ready, at rest with many objects, and from
// an object to its first status. docs/benchmarks.md has the table.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "rig/cluster.h"
#include "rig/control_plane.h"
#include "rig/fill.h"
#include "rig/pod_objects.h"
#include "rig/temp_folder.h"

namespace rebalance {
namespace {

using Json = nlohmann::ordered_json;
using SteadyClock = std::chrono::steady_clock;

struct Options {
  int pods = 200, resources = 100;
  int starts = 10, latencies = 100;
  int seconds = 60;  // of rest
  std::vector<std::string> only{"start", "rest", "first_status", "moving", "four_moving"};
  std::string out;
};

double seconds_since(SteadyClock::time_point begin) {
  return std::chrono::duration<double>(SteadyClock::now() - begin).count();
}

double percentile(std::vector<double> values, double share) {
  std::ranges::sort(values);
  return values.at(static_cast<std::size_t>(share * static_cast<double>(values.size() - 1)));
}

// The operator as a child, and what the kernel and its own metrics say of it.
class Operator {
 public:
  Operator(const rig::ControlPlane& plane, const std::string& name_spaces, int port)
      : port_(port),
        process_({PROGRAM, "operator", "--kubeconfig", plane.kubeconfig().string(), "--namespaces",
                  name_spaces, "--own-namespace", "default", "--leader-elect=false", "--metrics-address",
                  "127.0.0.1:" + std::to_string(port)},
                 {.environment = {{"SSL_CERT_FILE", "/dev/null"}, {"SSL_CERT_DIR", "/nonexistent"}}}) {
  }  // as in the image

  bool ready() const {
    try {
      return rig::http({.port = port_}, "GET", "/readyz").status == 200;
    } catch (const std::exception&) {
      return false;
    }
  }
  double resident_mib() const {
    std::ifstream file(fmt::format("/proc/{}/status", process_.pid()));
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with("VmRSS:")) return std::stod(line.substr(6)) / 1024;
    }
    throw std::runtime_error("the operator has ended");
  }
  double cpu_seconds() const {
    std::ifstream file(fmt::format("/proc/{}/stat", process_.pid()));
    std::string text;
    std::getline(file, text);
    std::istringstream fields(text.substr(text.rfind(')') + 2));
    std::string skipped;
    for (int i = 0; i < 11; ++i) fields >> skipped;
    double user = 0, system = 0;
    fields >> user >> system;
    return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
  }
  // Calls of the API server so far, watches among them.
  double requests() const {
    std::istringstream lines(rig::http({.port = port_}, "GET", "/metrics").body);
    double sum = 0;
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("redis_rebalance_api_requests_total{"))
        sum += std::stod(line.substr(line.rfind(' ')));
    }
    return sum;
  }

 private:
  int port_;
  rig::Process process_;
};

template <typename Condition>
double time_until(Condition condition) {
  const auto begin = SteadyClock::now();
  while (!condition()) {
    if (seconds_since(begin) > 60) throw std::runtime_error("the operator does not get there");
    rig::nap(rig::Milliseconds(1));
  }
  return seconds_since(begin);
}

void write_idle_pods(const rig::KubeApi& api, const std::string& name_space, int count) {
  for (int i = 0; i < count; ++i) {
    const auto name = fmt::format("other-{}", i);
    api.apply(rig::core_path(name_space, "pods", name), fmt::format(R"({{"apiVersion": "v1", "kind": "Pod",
                               "metadata": {{"name": "{}", "labels": {{"app": "other"}}}},
                               "spec": {{"containers": [{{"name": "c", "image": "i"}}]}}}})",
                                                                    name));
  }
}

// Selects no pod.
std::string resource(const std::string& name) {
  return fmt::format(R"({{"apiVersion": "redisrebalance.io/v1alpha1", "kind": "RedisRebalance",
                          "metadata": {{"name": "{}"}},
                          "spec": {{"cluster": {{"podSelector": {{"matchLabels": {{"app": "nobody"}}}}}},
                                    "goal": {{"type": "Balance"}}}}}})",
                     name);
}

// Finished ones: nothing is to be done for them.
void write_resources(const rig::KubeApi& api, const std::string& name_space, int count) {
  for (int i = 0; i < count; ++i) {
    const auto name = fmt::format("done-{}", i);
    const auto path = rig::rebalance_path(name_space, name);
    api.apply(path, resource(name));
    api.merge(path + "/status", R"({"status": {"state": "Succeeded", "observedGeneration": 1}})");
  }
}

Json measure_starts(const rig::ControlPlane& plane, const std::string& name_space, const Options& options) {
  std::vector<double> seconds;
  for (int i = 0; i < options.starts; ++i) {
    const int port = rig::free_port();
    const Operator subject(plane, name_space, port);
    seconds.push_back(time_until([&] { return subject.ready(); }));
  }
  return {{"median_ms", percentile(seconds, 0.5) * 1e3}, {"worst_ms", percentile(seconds, 1) * 1e3}};
}

Json measure_rest(const Operator& subject, int seconds) {
  const double requests = subject.requests(), cpu = subject.cpu_seconds();
  rig::nap(rig::Milliseconds(1000 * seconds));
  return {{"resident_mib", subject.resident_mib()},
          {"requests_per_minute", (subject.requests() - requests) * 60 / seconds},
          {"cpu_percent", (subject.cpu_seconds() - cpu) * 100 / seconds}};
}

// What a watch of the resources sees, and when, until `last` is deleted.
class Watcher {
 public:
  Watcher(rig::HttpTarget target, const std::string& name_space, std::string last)
      : last_(std::move(last)),
        thread_([this, target = std::move(target), path = rig::rebalance_path(name_space) + "?watch=true"] {
          try {
            rig::http_lines(target, path, [this](const std::string& line) { return take(line); });
          } catch (const std::exception& problem) {
            fmt::print(stderr, "the watch: {}\n", problem.what());
          }
        }) {}

  // From the event of a new object to the event of its first status, once both have come.
  std::optional<double> first_status_after(const std::string& name) const {
    const std::scoped_lock lock(mutex_);
    const auto seen = seen_.find(name);
    if (seen == seen_.end() || !seen->second.told) return {};
    return std::chrono::duration<double>(*seen->second.told - seen->second.made).count();
  }

 private:
  struct Seen {
    SteadyClock::time_point made;
    std::optional<SteadyClock::time_point> told;
  };
  bool take(const std::string& line) {
    const auto now = SteadyClock::now();
    const auto event = Json::parse(line);
    const auto& object = event.at("object");
    const std::string name = object.at("metadata").at("name");
    const std::scoped_lock lock(mutex_);
    auto& seen = seen_.try_emplace(name, now, std::nullopt).first->second;
    if (!seen.told && object.contains(Json::json_pointer("/status/state"))) seen.told = now;
    return event.at("type") != "DELETED" || name != last_;
  }

  mutable std::mutex mutex_;
  std::map<std::string, Seen> seen_;
  const std::string last_;
  std::jthread thread_;
};

Json measure_latency(const rig::KubeApi& api, const std::string& name_space, int count) {
  std::vector<double> seconds;
  const Watcher watcher(api.target(), name_space, fmt::format("new-{}", count - 1));
  for (int i = 0; i < count; ++i) {
    const auto name = fmt::format("new-{}", i);
    const auto path = rig::rebalance_path(name_space, name);
    api.apply(path, resource(name));
    time_until([&] { return watcher.first_status_after(name).has_value(); });
    seconds.push_back(*watcher.first_status_after(name));
    api.remove(path);
    if (!rig::wait_until([&] { return !api.exists(path); }, rig::Milliseconds(30'000)))
      throw std::runtime_error("a RedisRebalance that was deleted stays");
    rig::nap(rig::Milliseconds(300));  // the calls of the next one shall not wait for the client's rate limit
  }
  return {{"p50_ms", percentile(seconds, 0.5) * 1e3}, {"p99_ms", percentile(seconds, 0.99) * 1e3}};
}

// One cluster in a namespace of its own, three primaries into a fourth.
struct Move {
  Move(const rig::KubeApi& api, const std::string& name_space, const std::string& name,
       const std::string& more)
      : path(rig::rebalance_path(name_space, name)) {
    rig::fill(cluster.seed(), {.keys = 60'000});
    rig::write_pods(api, name_space, cluster);
    rig::apply_rebalance(api, cluster,
                         {.name = name,
                          .name_space = name_space,
                          .goal = "type: Balance",
                          .spec = "approval: {mode: Automatic}\nobserveSeconds: 0\n"
                                  "safety: {replicas: Ignore, persistence: Ignore}\n" +
                                  more});
  }

  rig::TestCluster cluster{rig::version_named("r70"), {.primaries = 3, .empty_primaries = 1}};
  std::string path;
};

// All at once, in the first `spaces`, until the last one is done.
Json measure_moves(const rig::KubeApi& api, const std::vector<std::string>& spaces, const std::string& more,
                   const Operator& subject) {
  std::vector<std::unique_ptr<Move>> moves;
  for (const auto& space : spaces)
    moves.push_back(std::make_unique<Move>(api, space, fmt::format("one-of-{}", spaces.size()), more));
  const auto state = [&](const auto& move) { return api.field(move->path, "/status/state").value_or(""); };
  const auto ended = [&](const auto& move) { return state(move) == "Succeeded"; };
  time_until([&] {
    return std::ranges::any_of(moves,
                               [&](const auto& move) { return state(move) == "Rebalancing" || ended(move); });
  });
  const double requests = subject.requests(), cpu = subject.cpu_seconds();
  const auto begin = SteadyClock::now();
  double resident = 0;
  while (!std::ranges::all_of(moves, ended) && seconds_since(begin) < 300) {
    resident = std::max(resident, subject.resident_mib());
    rig::nap(rig::Milliseconds(100));
  }
  const double took = seconds_since(begin);
  for (const auto& move : moves) api.remove(move->path);
  return {{"seconds", took},
          {"peak_resident_mib", resident},
          {"requests_per_minute", (subject.requests() - requests) * 60 / took},
          {"cpu_percent", (subject.cpu_seconds() - cpu) * 100 / took}};
}

Options parse(int argc, char** argv) {
  Options options;
  CLI::App app("what the operator costs beside a real API server");
  app.add_option("--pods", options.pods, "watched");
  app.add_option("--resources", options.resources, "that are finished");
  app.add_option("--starts", options.starts, "of which the median is taken")->check(CLI::PositiveNumber);
  app.add_option("--latencies", options.latencies, "new objects, one after the other");
  app.add_option("--seconds", options.seconds, "of rest that are measured")->check(CLI::PositiveNumber);
  app.add_option("--only", options.only, "of start, rest, first_status, moving and four_moving")
      ->delimiter(',');
  app.add_option("--benchmark_out", options.out, "keep the figures here, as JSON");
  app.add_option("--benchmark_out_format")->description("for likeness with Google Benchmark: json");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    std::exit(app.exit(problem));
  }
  return options;
}

int bench(const Options& options) {
  rig::ControlPlane plane;
  const auto api = plane.admin();
  const auto name_space = plane.new_namespace("bench");
  write_idle_pods(api, name_space, options.pods);
  write_resources(api, name_space, options.resources);
  Json figures{{"pods", options.pods}, {"resources", options.resources}};
  const auto wanted = [&](const char* part) { return std::ranges::count(options.only, part) > 0; };
  if (wanted("start")) figures["start"] = measure_starts(plane, name_space, options);
  std::vector<std::string> spaces{name_space};
  for (int i = 1; i < 4; ++i) spaces.push_back(plane.new_namespace("bench"));
  const Operator subject(plane, fmt::format("{}", fmt::join(spaces, ",")), rig::free_port());
  time_until([&] { return subject.ready(); });
  rig::nap(rig::Milliseconds(5000));
  if (wanted("rest")) figures["rest"] = measure_rest(subject, options.seconds);
  if (wanted("first_status")) figures["first_status"] = measure_latency(api, name_space, options.latencies);
  if (wanted("moving"))
    figures["moving"] = measure_moves(api, {name_space}, "batch: {maxBytesPerSecond: 200Ki}\n", subject);
  if (wanted("four_moving"))
    figures["four_moving"] = measure_moves(api, spaces, "engine: LiveCopy\n", subject);
  fmt::print("{}\n", figures.dump(2));
  if (!options.out.empty()) std::ofstream(options.out) << figures.dump(2) << '\n';
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
