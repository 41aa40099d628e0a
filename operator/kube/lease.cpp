#include "kube/lease.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace rebalance {
namespace {

using nlohmann::json;

// Absent and null members are empty: so does Go's decoder read them.
std::string text_of(const json& spec, const char* member) {
  const auto found = spec.find(member);
  return found != spec.end() && found->is_string() ? found->get<std::string>() : std::string();
}
int number_of(const json& spec, const char* member) {
  const auto found = spec.find(member);
  return found != spec.end() && found->is_number_integer() ? found->get<int>() : 0;
}

void put_record(json& spec, const LeaseRecord& record) {
  if (record.holder.empty())
    spec.erase("holderIdentity");  // as client-go does: an empty one need not be valid
  else
    spec["holderIdentity"] = record.holder;
  spec["leaseDurationSeconds"] = record.duration_s;
  spec["acquireTime"] = record.acquired;
  spec["renewTime"] = record.renewed;
  spec["leaseTransitions"] = record.transitions;
}

}  // namespace

Status LeaseTimes::check() const {
  if (lease > renew_deadline && renew_deadline * 10 > retry * 12) return {};
  return invalid_input(
      fmt::format("a lease of {} ms, renewed within {} ms and tried every {} ms, cannot be kept: each must "
                  "be longer than "
                  "the next, the second more than 1.2 times",
                  lease.count(), renew_deadline.count(), retry.count()));
}

Result<LeaseObject> decode_lease(const std::string& text) {
  const auto object = json::parse(text, nullptr, false);
  if (!object.is_object()) return invalid_input("the API server's answer is no Lease");
  const auto spec = object.value("spec", json::object());
  return LeaseObject{.record = {.holder = text_of(spec, "holderIdentity"),
                                .duration_s = number_of(spec, "leaseDurationSeconds"),
                                .acquired = text_of(spec, "acquireTime"),
                                .renewed = text_of(spec, "renewTime"),
                                .transitions = number_of(spec, "leaseTransitions")},
                     .spec = spec.dump(),
                     .text = text};
}

std::string new_lease(const std::string& name_space, const std::string& name, const LeaseRecord& record) {
  json object{{"apiVersion", "coordination.k8s.io/v1"},
              {"kind", "Lease"},
              {"metadata",
               {{"namespace", name_space},
                {"name", name},
                {"labels", {{"app.kubernetes.io/managed-by", "redis-rebalance"}}}}}};
  object["spec"] = json::object();
  put_record(object["spec"], record);
  return object.dump();
}

std::string changed_lease(const LeaseObject& known, const LeaseRecord& record) {
  auto object = json::parse(known.text, nullptr, false);
  if (!object.is_object()) return {};
  if (object.contains("metadata")) object["metadata"].erase("managedFields");
  if (!object["spec"].is_object()) object["spec"] = json::object();
  put_record(object["spec"], record);
  return object.dump();
}

std::string LeaseHeldBy::text() const {
  if (holder.empty()) return fmt::format("somebody else had it meanwhile (lease {})", lease);
  return fmt::format("held by {} since {} (lease {})", holder, since, lease);
}

void LeaseMemory::observe(LeaseObject object, Instant now) {
  if (!seen || seen->spec != object.spec) changed_at = now;
  seen = std::move(object);
}

bool LeaseMemory::valid(Instant now) const {
  return seen && changed_at + std::chrono::seconds(seen->record.duration_s) > now;
}

std::variant<LeaseRecord, LeaseHeldBy> decide_lease(const LeaseMemory& memory, const std::string& name,
                                                    const std::string& identity, const LeaseTimes& times,
                                                    Instant now, const std::string& wall) {
  const auto whole_seconds = std::chrono::ceil<std::chrono::seconds>(times.lease).count();
  LeaseRecord fresh{identity, static_cast<int>(whole_seconds), wall, wall, 0};
  if (!memory.seen) return fresh;
  const auto& old = memory.seen->record;
  if (old.holder == identity) {
    fresh.acquired = old.acquired;
    fresh.transitions = old.transitions;
    return fresh;
  }
  if (!old.holder.empty() && memory.valid(now)) {
    const auto unchanged = std::chrono::duration_cast<Millis>(now - memory.changed_at);
    return LeaseHeldBy{name, old.holder, old.acquired, old.renewed, unchanged};
  }
  fresh.transitions = old.transitions + 1;
  return fresh;
}

}  // namespace rebalance
