// Steering a RedisRebalance on an API server: what `get` shows of it, and which field of its spec each of
// approve, pause, resume, cancel and rollback sets. Pure; objects are as the API server sends them.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/options.h"
#include "cli/table.h"

namespace rebalance {

struct Steering {
  std::string patch;  // a merge patch, good for the version of the object that it was made from
  std::string said;   // what happens now, as a sentence
};

// kConflict: that control means nothing in the state that the object is in, and why. `plan_hash` is of
// approve: the plan that was looked at; empty: whichever waits.
Result<Steering> steering(Command control, const nlohmann::json& object, const std::string& plan_hash);

std::string list_text(const std::vector<nlohmann::json>& objects, bool with_name_space,
                      const Palette& palette);
// State and why, plan, progress, memory of the nodes, failures.
std::string object_text(const nlohmann::json& object, const Palette& palette);
// What `watch` says when it changes, on one line.
std::string progress_line(const nlohmann::json& object);

// As `run` ends in that state; nullopt: it goes on, or waits for approval.
std::optional<int> exit_code_of(const nlohmann::json& object);

}  // namespace rebalance
