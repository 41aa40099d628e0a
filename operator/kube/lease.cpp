#include "kube/lease.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

namespace rebalance {
namespace {

using nlohmann::json;

const ApiResource kLeases{"coordination.k8s.io", "v1", "leases"};

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

// Somebody holds it, and the record changed no longer ago than that holder promised.
bool valid(const LeaseMemory& memory, Instant now) {
  return memory.seen && memory.changed_at + std::chrono::seconds(memory.seen->record.duration_s) > now;
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
  if (!old.holder.empty() && valid(memory, now)) {
    const auto unchanged = std::chrono::duration_cast<Millis>(now - memory.changed_at);
    return LeaseHeldBy{name, old.holder, old.acquired, old.renewed, unchanged};
  }
  fresh.transitions = old.transitions + 1;
  return fresh;
}

LeaseLock::LeaseLock(ApiClient& client, std::string name_space, std::string name, Millis deadline)
    : client_(&client), name_space_(std::move(name_space)), name_(std::move(name)), deadline_(deadline) {}

ApiResult<LeaseObject> LeaseLock::send(HttpRequest request, std::stop_token stop) const {
  request.deadline = deadline_;
  request.content_type = request.body.empty() ? "" : "application/json";
  const auto answer = client_->call(request, std::move(stop), Lane::kLease);
  if (!answer) return std::unexpected(answer.error());
  auto lease = decode_lease(*answer);
  if (lease) return std::move(*lease);
  return std::unexpected(
      ApiError{.message = lease.error().message + ": " + name_, .code = ErrorCode::kInvalidInput});
}

ApiResult<LeaseObject> LeaseLock::get(std::stop_token stop) const {
  return send({.path = api_path(kLeases, name_space_, name_)}, std::move(stop));
}

ApiResult<LeaseObject> LeaseLock::create(const LeaseRecord& record, std::stop_token stop) const {
  return send({.method = "POST",
               .path = api_path(kLeases, name_space_),
               .body = new_lease(name_space_, name_, record)},
              std::move(stop));
}

ApiResult<LeaseObject> LeaseLock::update(const LeaseObject& known, const LeaseRecord& record,
                                         std::stop_token stop) const {
  return send(
      {.method = "PUT", .path = api_path(kLeases, name_space_, name_), .body = changed_lease(known, record)},
      std::move(stop));
}

LeaseContender::LeaseContender(LeaseLock lock, std::string identity, LeaseTimes times, Surroundings around)
    : lock_(std::move(lock)), identity_(std::move(identity)), times_(times), around_(std::move(around)) {}

std::optional<ApiError> LeaseContender::read(std::stop_token stop) {
  auto lease = lock_.get(std::move(stop));
  if (lease)
    memory_.observe(std::move(*lease), around_.now());
  else if (lease.error().not_found())
    memory_.seen.reset();
  else
    return lease.error();
  return std::nullopt;
}

std::variant<LeaseRecord, LeaseHeldBy> LeaseContender::decide() const {
  return decide_lease(memory_, lock_.name(), identity_, times_, around_.now(), micro_time(around_.wall()));
}

LeaseTry LeaseContender::write(const LeaseRecord& record, std::stop_token stop) {
  const auto sent = around_.now();
  auto lease = memory_.seen ? lock_.update(*memory_.seen, record, stop) : lock_.create(record, stop);
  if (!lease) return lease.error();
  memory_ = {std::move(*lease), sent};
  holding_ = true;
  held_until_ = sent + times_.renew_deadline;
  return LeaseHeld{};
}

LeaseLook LeaseContender::look(std::stop_token stop) {
  if (auto problem = read(std::move(stop))) return *problem;
  const auto decision = decide();
  if (const auto* other = std::get_if<LeaseHeldBy>(&decision)) return *other;
  return LeaseFree{};
}

LeaseTry LeaseContender::lose(LeaseHeldBy other) {
  holding_ = false;
  held_until_ = {};
  return other;
}

bool LeaseContender::lost_it() const { return holding_ && memory_.seen && !memory_.held_by(identity_); }

LeaseTry LeaseContender::try_acquire_or_renew(std::stop_token stop) {
  if (holding_ && valid(memory_, around_.now())) {
    const auto renewed = write(std::get<LeaseRecord>(decide()), stop);
    if (std::holds_alternative<LeaseHeld>(renewed)) return renewed;
  }
  if (auto problem = read(stop)) return *problem;
  const auto decision = decide();
  if (const auto* other = std::get_if<LeaseHeldBy>(&decision)) return lose(*other);
  if (lost_it()) return lose({.lease = lock_.name()});
  return write(std::get<LeaseRecord>(decision), stop);
}

void LeaseContender::release(std::stop_token stop) {
  held_until_ = {};
  if (!std::exchange(holding_, false) || !memory_.held_by(identity_)) return;
  const auto wall = micro_time(around_.wall());
  const LeaseRecord nobody{"", 1, wall, wall, memory_.seen->record.transitions};
  auto lease = lock_.update(*memory_.seen, nobody, std::move(stop));
  if (lease) memory_.observe(std::move(*lease), around_.now());
}

}  // namespace rebalance
