// What was typed, as a value. The only user of CLI11 is options.cpp.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace rebalance {

enum class Command {
  kPlan,
  kExplain,
  kRun,
  kCheck,
  kOperator,
  kGet,
  kWatch,
  kApprove,
  kPause,
  kResume,
  kCancel,
  kRollBack,
  kVersion,
  kCompletion
};
enum class Output { kText, kJson, kYaml };

struct Options {
  Command command = Command::kPlan;
  bool verbose = false;
  Output output = Output::kText;
  std::vector<std::string> files;  // -f, as typed

  std::string save, html;   // plan
  std::string from;         // plan, explain
  std::optional<int> slot;  // explain
  std::string pod;
  std::string state;      // plan, run
  std::string plan_hash;  // run, approve
  bool observe = false;
  bool allow_cold_key_deletion = false;  // run, operator
  int wait_seconds = 30;
  bool big_keys = false, verify = false;  // check
  std::string shell;                      // completion: bash or zsh

  std::string kubeconfig, context;  // all that talk to an API server
  std::string name, name_space;     // get, watch, explain, what steers; the context's namespace when empty
  bool all_name_spaces = false;     // get
  std::vector<std::string> name_spaces;  // operator; empty: all
  std::string own_name_space;
  bool leader_elect = false;
  int workers = 4, most_clusters = 4;
  std::string metrics_address = ":8080";
  bool json_log = false;
};

// Either options, or a text that answers all by itself (help, a usage error) with its exit code.
struct Parsed {
  std::optional<Options> options;
  std::string text;
  int exit_code = 0;
};
Parsed parse_options(int argc, const char* const* argv);

// A script for bash or zsh, made from the same description as the options themselves.
std::string completion_script(const std::string& shell);

}  // namespace rebalance
