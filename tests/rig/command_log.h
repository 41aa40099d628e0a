// Which commands the servers of a cluster executed, and for which client: by the servers' own slow logs, in
// which everything counts as slow. A client is known by its name, with which the program under test says
// which process and which claim it is.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "rig/cluster.h"

namespace rig {

struct ExecutedCommand {
  int node = 0;         // index in the cluster
  std::string command;  // in small letters, with the subcommand of a container: "cluster setslot"
  std::string text;     // the whole, as far as the server kept it
  std::string client;   // its name as it was then; empty: none
};

class CommandLog {
 public:
  // From now on. It takes the servers' memory, which counts in what is planned: not for long beside many
  // clients.
  explicit CommandLog(const TestCluster& cluster);
  ~CommandLog();
  CommandLog(const CommandLog&) = delete;
  CommandLog& operator=(const CommandLog&) = delete;

  void clear();
  std::vector<ExecutedCommand> executed() const;
  // Those that change what is where, or who may: the moves' own and the claim's.
  std::vector<ExecutedCommand> moves() const;

 private:
  const TestCluster& cluster_;
};

// For messages.
std::string text_of(const std::vector<ExecutedCommand>& commands);

}  // namespace rig
