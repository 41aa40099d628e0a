// What the tests of the command line share: a cluster with its manifests, and the proof that nothing was
// changed.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "rig/cluster.h"
#include "rig/fill.h"
#include "rig/manifests.h"

namespace rebalance {

// Moves would start at once, and nothing but the case in question stands in their way.
inline constexpr const char* kEagerSpec =
    "approval: {mode: Automatic}\nsafety: {replicas: Ignore, persistence: Ignore}\nobserveSeconds: 0\n";
inline constexpr const char* kBalance = "type: Balance";

inline void replace_in(const std::filesystem::path& file, const std::string& from, const std::string& to) {
  auto text = rig::read_file(file);
  ASSERT_NE(text.find(from), std::string::npos) << from;
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  rig::write_file(file, text);
}

// COMMAND of the program with every manifest of the folder, below which it also keeps its state.
inline rig::Finished program(const std::string& command, const std::filesystem::path& folder,
                             std::vector<std::string> more = {}) {
  std::vector<std::string> words = {PROGRAM, command, "-f", folder.string()};
  words.insert(words.end(), more.begin(), more.end());
  return rig::run(words, {.environment = {{"XDG_STATE_HOME", (folder / "state").string()}}});
}

// Taken before: who owns what, what is open and how many keys there are, by each node's own word. Asked
// after: the same again, and no server ran a command that writes or administers. Its connections stay open,
// whatever becomes of new ones.
class Untouched {
 public:
  explicit Untouched(rig::TestCluster& cluster) {
    for (int i = 0; i < cluster.size(); ++i) {
      if (cluster.node(i).running()) clients_.push_back(cluster.node(i).connect());
    }
    for (auto& client : clients_) {
      before_.push_back(picture(client));
      client.must({"CONFIG", "RESETSTAT"});
    }
  }

  void expect(const std::string& what) {
    for (std::size_t i = 0; i < clients_.size(); ++i) {
      EXPECT_THAT(writes(clients_[i]), testing::IsEmpty()) << what;
      EXPECT_EQ(picture(clients_[i]), before_[i]) << what;
    }
  }

  // Names of commands that a server ran and that are no mere look.
  static std::vector<std::string> writes(rig::Client& client) {
    static const std::set<std::string> kAdministrative = {"asking",
                                                          "bgrewriteaof",
                                                          "bgsave",
                                                          "client|kill",
                                                          "cluster|addslots",
                                                          "cluster|bumpepoch",
                                                          "cluster|delslots",
                                                          "cluster|failover",
                                                          "cluster|forget",
                                                          "cluster|meet",
                                                          "cluster|reset",
                                                          "cluster|replicate",
                                                          "cluster|setslot",
                                                          "cluster|addslotsrange",
                                                          "cluster|delslotsrange",
                                                          "config|rewrite",
                                                          "config|set",
                                                          "debug",
                                                          "function|load",
                                                          "function|restore",
                                                          "migrate",
                                                          "script|load",
                                                          "shutdown"};
    std::vector<std::string> found;
    std::istringstream stats(client.must({"INFO", "commandstats"}).text);
    for (std::string line; std::getline(stats, line);) {
      if (!line.starts_with("cmdstat_")) continue;
      const auto name = line.substr(8, line.find(':') - 8);
      if (kAdministrative.contains(name) || is_write(client, name)) found.push_back(name);
    }
    return found;
  }

 private:
  static bool is_write(rig::Client& client, const std::string& name) {
    const auto info = client.must({"COMMAND", "INFO", name});
    if (info.elements.empty() || info.elements[0].elements.size() < 3) return false;
    return std::ranges::any_of(info.elements[0].elements[2].elements,
                               [](const auto& flag) { return flag.text == "write"; });
  }

  static std::string picture(rig::Client& client) {
    for (const auto& node : rig::parse_nodes(client.must({"CLUSTER", "NODES"}).text)) {
      if (node.flags.find("myself") == std::string::npos) continue;
      return node.slots + "|" + node.open + "|" + std::to_string(client.must({"DBSIZE"}).integer);
    }
    return "?";
  }

  std::vector<rig::Client> clients_;
  std::vector<std::string> before_;
};

// Enough that the empty tables of a server, which come with any data, do not tip the balance.
inline rig::Filled fill_well(const rig::TestCluster& cluster) {
  return rig::fill(cluster.seed(), {.keys = 5000, .min_value_bytes = 3000, .max_value_bytes = 8000});
}

// Three primaries with data and an empty one: under Balance there is something to do.
inline std::unique_ptr<rig::TestCluster> lopsided(rig::ClusterOptions options = {},
                                                  const std::string& version = "r70",
                                                  std::int64_t keys = 3000) {
  options.primaries = 3;
  options.empty_primaries = 1;
  auto cluster = std::make_unique<rig::TestCluster>(rig::version_named(version), options);
  rig::fill(cluster->seed(), {.keys = keys});
  return cluster;
}

}  // namespace rebalance
