// The controller over one RedisRebalance: observe, decide, act, until it is done or somebody stops it.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "control/report.h"
#include "kube/object_store.h"
#include "reconcile/windows.h"

namespace rebalance {

struct RunOptions {
  std::string plan_hash;                 // --plan-hash: approves this plan
  std::string state_folder;              // --state
  bool observe = false;                  // --observe: stay for spec.observeSeconds after verification
  std::string execution_started;         // RFC 3339, by an earlier process; empty: not yet
  bool close_only = false;               // finish what is open in the journal, start nothing
  bool allow_cold_key_deletion = false;  // of this installation
  int wait_seconds = 30;                 // for another executor's claim, before giving up
};

// Exit codes, as docs/cli.md lists them.
enum ExitCode : int {
  kDone = 0,
  kBug = 1,
  kUsage = 2,
  kRefusedCode = 3,
  kFailedCode = 4,
  kStoppedCode = 5,
  kAwaitingApprovalCode = 6
};

// Of a run that ends in this state.
int exit_code(State state, const std::string& reason);

// What `plan`, `check` and the start of `run` look at: everything, and nothing is written to any server.
struct Survey {
  RedisRebalance resource;
  std::vector<PodState> pods;
  ClusterState cluster;
  World world;  // with sizes, findings of the cluster and of the pods
};
Result<Survey> survey(ObjectStore& store);

// The time zones of windows, as far as the database knows them.
TimeZones zones_of(const std::vector<Window>& windows);

// Keeps a plan in the state folder, so that `run --plan-hash` executes that very plan. `state_folder` empty:
// the default one of this resource, under XDG_STATE_HOME.
Status keep_plan(const RedisRebalance& resource, const Plan& plan, const std::string& state_folder);

// Runs until done, refused, failed, awaiting approval or stopped; the returned summary was also given to the
// reporter.
Summary run(ObjectStore& store, const RunOptions& options, Reporter& reporter, std::stop_token stop);

}  // namespace rebalance
