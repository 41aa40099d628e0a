#include "cli/server_load.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "cli/words.h"
#include "redis/parse.h"

namespace rebalance {
namespace {

constexpr double kBusy = 0.5;  // of a processor
constexpr std::size_t kMostRows = 20;

// A connection and what its server said first.
struct Watched {
  PodName pod;
  Connection connection;
  LoadReading before;
  Instant when;
};

Result<LoadReading> read_load(Connection& connection) {
  TRY(reply, connection.command({"INFO"}));
  if (reply.is_error()) return error(ErrorCode::kRefused, "INFO: " + reply.text);
  return parse_load(Info(std::move(reply.text)));
}

Result<Watched> watch(const NodeAccess& access) {
  TRY(connection, Connection::open(access.connect));
  TRY(before, read_load(connection));
  return Watched{access.pod, std::move(connection), before, BootClock::now()};
}

// The one question in between is our own.
Result<ServerLoad> load_since(Watched& watched) {
  TRY(after, read_load(watched.connection));
  const auto seconds = seconds_between(watched.when, BootClock::now());
  const auto ran = std::max<std::int64_t>(0, after.commands - watched.before.commands - 1);
  return ServerLoad{watched.pod, static_cast<std::int64_t>(static_cast<double>(ran) / seconds),
                    std::max(0.0, after.cpu_seconds - watched.before.cpu_seconds) / seconds};
}

std::string in_words(const ServerLoad& load) {
  return fmt::format("{} operations a second, {:.0f} % of a processor",
                     count_text(load.operations_per_second), 100 * load.processors);
}

}  // namespace

std::vector<ServerLoad> measure_load(std::span<const NodeAccess> accesses) {
  std::vector<Watched> all;
  for (const auto& access : accesses) {
    if (auto watched = watch(access)) all.push_back(*std::move(watched));
  }
  if (!all.empty()) std::this_thread::sleep_for(std::chrono::seconds(1));
  std::vector<ServerLoad> loads;
  for (auto& watched : all) {
    if (auto load = load_since(watched)) loads.push_back(*std::move(load));
  }
  return loads;
}

std::vector<Finding> load_findings(std::vector<ServerLoad> loads, bool has_windows) {
  std::ranges::stable_sort(loads, std::greater(), &ServerLoad::processors);
  std::vector<Finding> findings;
  for (const auto& load : loads) {
    if (has_windows || load.processors <= kBusy) continue;
    findings.push_back({Severity::kWarning, "BusyNow", load.pod, in_words(load),
                        "wait for a quieter hour, or set spec.windows"});
  }
  if (loads.size() > kMostRows) loads.resize(kMostRows);
  for (const auto& load : loads) findings.push_back({Severity::kOk, "Load", load.pod, in_words(load), ""});
  return findings;
}

}  // namespace rebalance
