#include "telemetry/gauges.h"

#include <algorithm>

#include "api/conditions.h"

namespace rebalance {
namespace {

using Value = std::optional<double>;

Value count(std::int64_t value) { return static_cast<double>(value); }
Value bytes_if(bool known, Bytes value) { return known ? count(value) : std::nullopt; }

const PodGauge kPodGauges[] = {
    {"pod_limit_bytes", "Memory limit of the pod.",
     [](const NodeRow& row) { return bytes_if(row.limit > 0, row.limit); }},
    {"pod_ceiling_bytes", "What a receiver may reach: the limit less headroom.minFreePercent.",
     [](const NodeRow& row) { return bytes_if(row.limit > 0, row.ceiling); }},
    {"pod_high_bytes", "Above it a pod receives nothing.",
     [](const NodeRow& row) { return bytes_if(row.limit > 0, row.high); }},
    {"pod_flood_bytes", "Above it everything stops.",
     [](const NodeRow& row) { return bytes_if(row.limit > 0, row.flood); }},
    {"pod_memory_bytes", "What counts against the limit now.",
     [](const NodeRow& row) { return count(row.base); }},
    {"pod_used_bytes", "used_memory of the server.", [](const NodeRow& row) { return count(row.used); }},
    {"pod_maxmemory_bytes", "maxmemory of the server.",
     [](const NodeRow& row) { return bytes_if(row.maxmemory > 0, row.maxmemory); }},
    {"pod_projected_bytes", "The highest that the plan expects.",
     [](const NodeRow& row) { return row.projected ? count(*row.projected) : std::nullopt; }},
    {"pod_peak_bytes", "The highest that was seen since moving began.",
     [](const NodeRow& row) { return count(row.peak); }},
    {"pod_receives", "1: the plan brings it slots, or it is a replica of such a node.",
     [](const NodeRow& row) { return count(row.receives); }},
    {"pod_gives", "1: the plan takes slots from it, or from its primary.",
     [](const NodeRow& row) { return count(row.gives); }},
};

const RebalanceGauge kRebalanceGauges[] = {
    {"stalled", "1: it will not go on without a person.",
     [](const RebalanceFigures& f, Instant) { return count(outlook_of(f.state) == Outlook::kFailed); }},
    {"moving", "1: slots may change hands.",
     [](const RebalanceFigures& f, Instant) { return count(is_moving(f.state)); }},
    {"seconds_since_progress", "Since the last byte moved, or since moving began.",
     [](const RebalanceFigures& f, Instant now) {
       const bool known = is_moving(f.state) && f.last_progress;
       return known ? Value(std::max(0.0, seconds_between(*f.last_progress, now))) : std::nullopt;
     }},
    {"progress_ratio", "Share of the plan's bytes that moved.",
     [](const RebalanceFigures& f, Instant) {
       if (!f.bytes_total) return Value();
       const auto all = static_cast<double>(*f.bytes_total), done = static_cast<double>(f.bytes_done);
       return Value(all > 0 ? std::clamp(done / all, 0.0, 1.0) : 1.0);
     }},
    {"planned_bytes", "Bytes that the plan moves, an estimate.",
     [](const RebalanceFigures& f, Instant) { return f.bytes_total ? count(*f.bytes_total) : Value(); }},
    {"rate_bytes_per_second", "Speed since the first write.",
     [](const RebalanceFigures& f, Instant) {
       return is_moving(f.state) ? Value(f.bytes_per_second) : std::nullopt;
     }},
    {"eta_seconds", "Until the end of moving.",
     [](const RebalanceFigures& f, Instant) { return is_moving(f.state) ? f.eta_seconds : std::nullopt; }},
    {"open_slots", "Slots marked migrating or importing on any node.",
     [](const RebalanceFigures& f, Instant) { return count(f.open_slots); }},
    {"failures", "Failures that were met so far by this object.",
     [](const RebalanceFigures& f, Instant) { return count(f.failures); }},
    {"slots_assigned", "Of 16384: slots that some node owns.",
     [](const RebalanceFigures& f, Instant) { return f.slots ? count(f.slots->assigned) : std::nullopt; }},
};

}  // namespace

std::span<const PodGauge> pod_gauges() { return kPodGauges; }
std::span<const RebalanceGauge> rebalance_gauges() { return kRebalanceGauges; }

}  // namespace rebalance
