// The one record that a run keeps: a plan that waits for approval or is being executed, or that it goes back.
#pragma once

#include <string>

#include "api/spec.h"
#include "api/status.h"
#include "kube/document_store.h"
#include "model/plan.h"

namespace rebalance {

inline constexpr const char* kRecord = "plan.json";

Status keep_plan(DocumentStore& documents, const RedisRebalance& resource, const Plan& plan, bool approved);
// That a rollback has begun, in its place.
Status keep_rollback(DocumentStore& documents, const RedisRebalance& resource, const RollBack& why);

// `asked`, or if empty $XDG_STATE_HOME (else ~/.local/state) /redis-rebalance/NAMESPACE.NAME.
std::string state_folder_path(const std::string& asked, const RedisRebalance& resource);

}  // namespace rebalance
