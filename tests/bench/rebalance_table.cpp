#include "rebalance_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <thread>

namespace rebalance {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kMiBytes = 1 << 20;

struct Column {
  const char* name;   // in the table
  const char* field;  // in the JSON
  int digits;
  std::function<double(const Measured&)> of;
};

const std::vector<Column>& columns() {
  static const std::vector<Column> all{
      {"slots", "slots", 0, [](const Measured& m) { return m.slots; }},
      {"keys", "keys", 0, [](const Measured& m) { return static_cast<double>(m.keys); }},
      {"moving s", "movingSeconds", 2, [](const Measured& m) { return m.moving_seconds; }},
      {"total s", "totalSeconds", 2, [](const Measured& m) { return m.total_seconds; }},
      {"keys/s", "keysPerSecond", 0, [](const Measured& m) { return m.keys_per_second(); }},
      {"p50 ms", "p50Millis", 2, [](const Measured& m) { return static_cast<double>(m.clients.p50) / 1e3; }},
      {"p99 ms", "p99Millis", 2, [](const Measured& m) { return static_cast<double>(m.clients.p99) / 1e3; }},
      {"p99.9 ms", "p999Millis", 2,
       [](const Measured& m) { return static_cast<double>(m.clients.p999) / 1e3; }},
      {"max ms", "maxMillis", 2, [](const Measured& m) { return static_cast<double>(m.clients.max) / 1e3; }},
      {"tool cpu s", "cpuSeconds", 2, [](const Measured& m) { return m.cpu_seconds; }},
      {"tool MiB", "peakMiB", 1,
       [](const Measured& m) { return static_cast<double>(m.peak_bytes) / kMiBytes; }},
      {"ASK", "ask", 0, [](const Measured& m) { return static_cast<double>(m.clients.ask); }},
      {"lost", "lostWrites", 0, [](const Measured& m) { return static_cast<double>(m.lost); }}};
  return all;
}

Json figures(const std::function<double(const Column&)>& value) {
  Json out;
  for (const auto& column : columns()) out[column.field] = value(column);
  return out;
}

double rate(const Row& row) { return row.median(&Measured::keys_per_second); }
double worst_wait(const Row& row) {
  return row.median([](const Measured& m) { return static_cast<double>(m.clients.p999) / 1e3; });
}

Claim faster(const Row& ours, const Row& theirs, double wanted) {
  const double times = rate(ours) / rate(theirs);
  return {fmt::format("{}: {:.2f} x as many keys a second as {} (wanted: {:.2f})", ours.contestant.name,
                      times, theirs.contestant.name, wanted),
          times >= wanted};
}

Claim no_slower_for_clients(const Row& ours, const Row& theirs) {
  const double most = ours.contestant.wait;
  return {
      fmt::format("{}: p99.9 of clients {:.2f} ms, with {} {:.2f} ms (wanted: {:.1f} x at most)",
                  ours.contestant.name, worst_wait(ours), theirs.contestant.name, worst_wait(theirs), most),
      worst_wait(ours) <= most * worst_wait(theirs)};
}

}  // namespace

double Row::median(const std::function<double(const Measured&)>& figure) const {
  std::vector<double> values;
  for (const auto& run : runs) values.push_back(figure(run));
  std::ranges::sort(values);
  return values.at((values.size() - 1) / 2);
}

std::string table(const std::vector<Row>& rows) {
  std::string out = fmt::format("{:<24}", "median of the runs");
  for (const auto& column : columns()) out += fmt::format("{:>11}", column.name);
  out += "\n";
  for (const auto& row : rows) {
    out += fmt::format("{:<24}", row.contestant.name);
    for (const auto& column : columns())
      out += fmt::format("{:>11.{}f}", row.median(column.of), column.digits);
    out += "\n";
  }
  return out;
}

std::vector<Claim> claims(const std::vector<Row>& rows) {
  std::vector<Claim> all;
  for (const auto& row : rows) {
    if (row.contestant.tool != Tool::kOurs) continue;
    all.push_back(faster(row, rows.front(), row.contestant.wanted));
    all.push_back(no_slower_for_clients(row, rows.front()));
    const auto by_hand =
        std::ranges::find(rows, Tool::kByHand, [](const Row& r) { return r.contestant.tool; });
    if (by_hand != rows.end() && row.contestant.of_by_hand > 0)
      all.push_back(faster(row, *by_hand, row.contestant.of_by_hand));
  }
  return all;
}

std::string load_average() {
  double loads[3] = {};  // NOLINT: getloadavg wants an array
  if (getloadavg(loads, 3) != 3) return "unknown";
  return fmt::format("{:.1f} {:.1f} {:.1f}", loads[0], loads[1], loads[2]);
}

void write_json(const std::filesystem::path& file, const std::vector<Row>& rows, const Workload& workload) {
  Json out{{"server", fmt::format("{} {}.{}.{}", workload.version.product, workload.version.major,
                                  workload.version.minor, workload.version.patch)},
           {"keys", workload.keys},
           {"valueBytes", workload.value_bytes},
           {"hashFields", workload.hash_fields},
           {"primaries", workload.primaries},
           {"emptyPrimaries", workload.empty_primaries},
           {"replicas", workload.replicas},
           {"clients", workload.clients},
           {"clientOperationsPerSecond", workload.operations_per_second},
           {"processors", std::thread::hardware_concurrency()},
           {"loadAverageAtEnd", load_average()},
           {"rows", Json::array()},
           {"claims", Json::array()}};
  for (const auto& row : rows) {
    Json runs = Json::array();
    for (const auto& run : row.runs) runs.push_back(figures([&](const Column& c) { return c.of(run); }));
    out["rows"].push_back({{"name", row.contestant.name},
                           {"settings", row.contestant.settings},
                           {"median", figures([&](const Column& c) { return row.median(c.of); })},
                           {"runs", std::move(runs)}});
  }
  for (const auto& claim : claims(rows))
    out["claims"].push_back({{"claim", claim.sentence}, {"met", claim.met}});
  std::ofstream(file) << out.dump(2) << "\n";
}

}  // namespace rebalance
