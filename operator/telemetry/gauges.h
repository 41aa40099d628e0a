// The gauges that are read off a resource and off each of its pods. Private to telemetry/.
#pragma once

#include <optional>
#include <span>

#include "telemetry/metrics.h"

namespace rebalance {

// `name` without the prefix; `read` gives nothing where there is no sample.
struct PodGauge {
  const char* name;
  const char* help;
  std::optional<double> (*read)(const NodeRow& row);
};
std::span<const PodGauge> pod_gauges();

struct RebalanceGauge {
  const char* name;
  const char* help;
  std::optional<double> (*read)(const RebalanceFigures& figures, Instant now);
};
std::span<const RebalanceGauge> rebalance_gauges();

}  // namespace rebalance
