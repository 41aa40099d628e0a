#include "rig/command_log.h"

#include <algorithm>
#include <cctype>
#include <set>

namespace rig {
namespace {

constexpr int kMostShown = 10;

std::string small(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

bool is_container(const std::string& command) {
  static const std::set<std::string> kContainers = {"cluster", "client", "config", "script", "function"};
  return kContainers.contains(command);
}

// An entry of SLOWLOG GET: id, time, duration, arguments, client's address, client's name.
ExecutedCommand parsed(int node, const Reply& entry) {
  ExecutedCommand done{node, "", "", entry.elements.at(5).text};
  const auto& arguments = entry.elements.at(3).elements;
  done.command = small(arguments.at(0).text);
  if (is_container(done.command) && arguments.size() > 1) done.command += " " + small(arguments[1].text);
  for (const auto& argument : arguments) done.text += (done.text.empty() ? "" : " ") + argument.text;
  return done;
}

bool is_move(const ExecutedCommand& done) {
  static const std::set<std::string> kMoves = {
      "migrate",         "cluster setslot", "cluster bumpepoch",     "cluster addslots",
      "restore",         "cluster meet",    "cluster addslotsrange", "cluster delslotsrange",
      "cluster forget",  "client kill",     "cluster replicate",     "cluster delslots",
      "config set",      "unlink",          "cluster failover",      "cluster reset",
      "cluster migrate", "asking"};
  return kMoves.contains(done.command);
}

}  // namespace

CommandLog::CommandLog(const TestCluster& cluster) : cluster_(cluster) {
  for (int i = 0; i < cluster.size(); ++i) {
    cluster.command(i, {"CONFIG", "SET", "slowlog-max-len", "1000000"});
    cluster.command(i, {"CONFIG", "SET", "slowlog-log-slower-than", "0"});
  }
  clear();
}

CommandLog::~CommandLog() {
  try {
    for (int i = 0; i < cluster_.size(); ++i)
      cluster_.command(i, {"CONFIG", "SET", "slowlog-log-slower-than", "-1"});
    clear();
  } catch (const std::exception&) {  // a server is gone, and its log with it
  }
}

void CommandLog::clear() {
  for (int i = 0; i < cluster_.size(); ++i) cluster_.command(i, {"SLOWLOG", "RESET"});
}

std::vector<ExecutedCommand> CommandLog::executed() const {
  std::vector<ExecutedCommand> all;
  for (int i = 0; i < cluster_.size(); ++i) {
    const auto entries = cluster_.command(i, {"SLOWLOG", "GET", "1000000"});
    for (const auto& entry : entries.elements) all.push_back(parsed(i, entry));
  }
  return all;
}

std::vector<ExecutedCommand> CommandLog::moves() const {
  auto all = executed();
  std::erase_if(all, [](const auto& done) { return !is_move(done); });
  return all;
}

std::string text_of(const std::vector<ExecutedCommand>& commands) {
  std::string text = std::to_string(commands.size()) + " commands\n";
  for (std::size_t i = 0; i < std::min<std::size_t>(commands.size(), kMostShown); ++i)
    text += "node " + std::to_string(commands[i].node) + ", client " + commands[i].client + ": " +
            commands[i].text.substr(0, 120) + "\n";
  return text;
}

}  // namespace rig
