// The one record that a run keeps: a plan that waits for approval or is being executed.
#pragma once

#include <string>

#include "api/spec.h"
#include "kube/document_store.h"
#include "model/plan.h"

namespace rebalance {

inline constexpr const char* kRecord = "plan.json";

Status keep_plan(DocumentStore& documents, const RedisRebalance& resource, const Plan& plan, bool approved);

// `asked`, or if empty $XDG_STATE_HOME (else ~/.local/state) /redis-rebalance/NAMESPACE.NAME.
std::string state_folder_path(const std::string& asked, const RedisRebalance& resource);

}  // namespace rebalance
