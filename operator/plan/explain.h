// Why a plan does what it does: to each node, and to one slot. The sentences of the status and of `explain`.
// Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plan/headroom.h"

namespace rebalance {

// Fills `why` of the plan's nodes: what each gives or receives and because of which figures. Of a plan that
// is refused: what it would, as the goal was wished. make_plan ends with it.
void explain_nodes(Plan& plan, const World& world, const RebalanceSpec& spec);

// "It uses 1.8Mi, 12.7Mi resident of a limit of 118.0Mi; at most 51.3Mi in batch 6, 43.1Mi below its ceiling
// of 94.4Mi." What is not known (0) is left out.
std::string memory_sentence(const NodeForecast& node);

// Where the slot goes or stays, and why: its ends, and how their pair moves. The world may know no slots,
// where only a plan was kept: then what is in no batch is said to stay.
std::vector<std::string> explain_slot(const Plan& plan, const World& world, const RebalanceSpec& spec,
                                      Slot slot);

// The same of one pod, with its memory and its engines. kInvalidInput: no such pod in the plan; names some.
Result<std::vector<std::string>> explain_pod(const Plan& plan, const World& world, const PodName& pod);

// "redis-0 -> redis-3: KeyByKey, why (what a better one would need)"
std::string engine_sentence(const PairEngine& pair, const World& world);

// For a primary that receives nothing because it is over its ceiling: a limit with which the same goal gives
// a plan that brings it slots, tried on the planner itself. nullopt: its limit is not the matter.
std::optional<std::string> limit_to_receive(const World& world, const RebalanceSpec& spec,
                                            const PodName& pod);

}  // namespace rebalance
