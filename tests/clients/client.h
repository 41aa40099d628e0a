// Applications on Redis clients as they are published, with the settings that they come with (scripts/clients
// has them). All do the same, in their own language: a thread for each kind of command, over 200 hash tags,
// with a pause of 1 ms between two.
//
//   SET        SET, then GET, which must be what was set        `set:{i}`
//   INCR       must be one more than what was acknowledged      `incr:{i}`
//   MSET       MSET of two keys, then MGET                      `a:{i}`, `b:{i}`
//   MULTI      INCR and INCRBY 2 in MULTI and EXEC              `x:{i}`, `y:{i}`
//   EVAL       a script that does the same                      `l:{i}`, `m:{i}`
//   pipeline   INCR of ten keys of ten slots at once            `p:{i}`
//   RPUSH      a producer for eight queues                      `queue:{i}`
//   BLPOP      a consumer for each, which must see their order
//
// An error is counted and the work goes on. `run HOST:PORT` prints `ready` once each kind has succeeded,
// works until SIGTERM, and then prints `did KIND ACKNOWLEDGED`, `error KIND TIMES TEXT`, `key NAME
// ACKNOWLEDGED`, `queue NAME LEFT` and at last `end`.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <map>
#include <sstream>

#include "rig/cluster.h"

namespace rebalance {

// Those of `names` that scripts/clients has.
inline std::vector<std::string> installed_clients(std::vector<std::string> names) {
  std::erase_if(names, [](const auto& name) {
    return !std::filesystem::exists(rig::cache_folder() / "clients" / name / "run");
  });
  return names;
}

struct ClientReport {
  std::map<std::string, std::int64_t> did;                            // by kind of command
  std::map<std::string, std::map<std::string, std::int64_t>> errors;  // of a kind, by text
  std::map<std::string, std::int64_t> keys, queues;
  bool whole = false;
};

inline ClientReport parse_report(const std::string& text) {
  ClientReport report;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string what, name, more;
    std::int64_t value = 0;
    words >> what >> name >> value >> std::ws;
    std::getline(words, more);
    if (what == "did") report.did[name] += value;
    if (what == "error") report.errors[name][more] += value;
    if (what == "key") report.keys[name] = value;
    if (what == "queue") report.queues[name] = value;
    if (what == "end") report.whole = true;
  }
  return report;
}

// One that runs, from `ready` on.
class Application {
 public:
  Application(const std::string& client, const rig::Endpoint& seed)
      : process_({(rig::cache_folder() / "clients" / client / "run").string(),
                  seed.host + ":" + std::to_string(seed.port)},
                 {.output = output_}) {
    const auto ready = [&] { return rig::read_file(output_).find("ready") != std::string::npos; };
    if (!rig::wait_until(ready, rig::Milliseconds(60'000)))
      throw std::runtime_error(client + " is not ready: " + rig::read_file(output_));
  }

  ClientReport stop() {
    process_.signal(SIGTERM);
    process_.wait(rig::Milliseconds(30'000));
    auto report = parse_report(rig::read_file(output_));
    if (!report.whole) ADD_FAILURE() << "no whole report: " << rig::read_file(output_);
    return report;
  }

 private:
  rig::TempFolder folder_;
  std::filesystem::path output_ = folder_.path() / "said";
  rig::Process process_;
};

// Every key holds exactly what was acknowledged, and every queue what was pushed and not popped.
inline void expect_all_there(const rig::Endpoint& seed, const ClientReport& report) {
  const auto topology = rig::Topology::read(seed);
  std::vector<rig::Client> clients;
  for (const auto& primary : topology.primaries) clients.emplace_back(primary);
  const auto ask = [&](const std::string& command, const std::string& key) {
    const int owner = topology.owner[static_cast<std::size_t>(rig::key_slot(key))];
    return clients.at(static_cast<std::size_t>(owner)).must({command, key});
  };
  for (const auto& [key, acknowledged] : report.keys) {
    const auto there = ask("GET", key);
    EXPECT_EQ(there.is_nil() ? "0" : there.text, std::to_string(acknowledged)) << key;
  }
  for (const auto& [key, left] : report.queues) EXPECT_EQ(ask("LLEN", key).integer, left) << key;
}

}  // namespace rebalance
