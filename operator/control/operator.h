// The operator in a cluster: watches RedisRebalances and runs a controller for each that should have one.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "kube/api_client.h"
#include "kube/lease.h"
#include "telemetry/metrics.h"

namespace rebalance {

struct OperatorOptions {
  std::vector<std::string> name_spaces;    // to watch; empty: all
  std::string own_name_space = "default";  // of its lease and of the hold
  bool leader_elect = true;
  int workers = 4;        // reconcile at once
  int most_clusters = 4;  // move at once
  bool allow_cold_key_deletion = false;
  std::string metrics_address = ":8080";  // empty: no server
  LeaseTimes lease_times;
};

// Until `stop` is asked for, which ends every run at its next safe point. kLost: another operator leads now,
// and this process should end; kInvalidInput: an option cannot be used.
Status operate(ApiClient& client, const OperatorOptions& options, Metrics& metrics, std::stop_token stop);

}  // namespace rebalance
