// The one record in a state folder: a plan that waits for approval or is being executed.
#pragma once

#include <string>

#include "api/spec.h"
#include "journal/state_folder.h"
#include "model/plan.h"

namespace rebalance {

inline constexpr const char* kRecord = "plan.json";

Status keep_plan(StateFolder& folder, const RedisRebalance& resource, const Plan& plan, bool approved);

// `asked`, or if empty $XDG_STATE_HOME (else ~/.local/state) /redis-rebalance/NAMESPACE.NAME.
std::string state_folder_path(const std::string& asked, const RedisRebalance& resource);

}  // namespace rebalance
