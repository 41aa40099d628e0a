#include "control/plan_record.h"

#include <cstdlib>

#include "base/clock.h"
#include "codec/record_codec.h"

namespace rebalance {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing here sets the environment
  return value == nullptr ? std::string{} : value;
}

Status keep(DocumentStore& documents, const RedisRebalance& resource, bool approved,
            const std::optional<RollBack>& roll_back, const Plan& plan) {
  return documents.put(kRecord,
                       encode_record({resource.name_space + "/" + resource.name, resource.fingerprint,
                                      rfc3339(std::chrono::system_clock::now()), approved, roll_back, plan}));
}

}  // namespace

Status keep_plan(DocumentStore& documents, const RedisRebalance& resource, const Plan& plan, bool approved) {
  return keep(documents, resource, approved, std::nullopt, plan);
}

Status keep_rollback(DocumentStore& documents, const RedisRebalance& resource, const RollBack& why) {
  return keep(documents, resource, false, why, Plan{});
}

std::string state_folder_path(const std::string& asked, const RedisRebalance& resource) {
  if (!asked.empty()) return asked;
  std::string base = environment("XDG_STATE_HOME");
  if (base.empty()) base = environment("HOME") + "/.local/state";
  return base + "/redis-rebalance/" + resource.name_space + "." + resource.name;
}

}  // namespace rebalance
