#include <fmt/format.h>
#include <malloc.h>

#include <cstdlib>

#include "base/log.h"
#include "cli/commands.h"
#include "cli/signals.h"
#include "control/counted_transport.h"
#include "control/operator.h"
#include "control/run.h"
#include "kube/http_transport.h"

namespace rebalance {

int operator_command(const Options& options) {
  // Threads come and go with each rebalance; each of glibc's arenas would keep what the busiest of them
  // needed.
  mallopt(M_ARENA_MAX, 2);
  const StopOnSignal stop([] {}, [] { std::_Exit(kStoppedCode); });  // before any thread is started
  set_log_level(options.verbose ? LogLevel::kDebug : LogLevel::kInfo);
  if (options.json_log) set_log_format(LogFormat::kJson);
  const auto config = find_cluster_config(options.kubeconfig, options.context, process_environment());
  if (!config) return fail(config.error());
  log_info("the API server of " + config->origin);
  Metrics metrics(PROGRAM_VERSION);
  const auto counted = [&] {
    return std::make_shared<CountedTransport>(make_http_transport(*config), metrics);
  };
  ApiClient client(counted(), counted());
  OperatorOptions how;
  how.name_spaces = options.name_spaces;
  how.own_name_space = options.own_name_space.empty() ? config->name_space : options.own_name_space;
  how.leader_elect = options.leader_elect;
  how.workers = options.workers;
  how.most_clusters = options.most_clusters;
  how.allow_cold_key_deletion = options.allow_cold_key_deletion;
  how.metrics_address = options.metrics_address;
  const auto ended = operate(client, how, metrics, stop.token());
  return ended ? kDone : fail(ended.error());
}

}  // namespace rebalance
