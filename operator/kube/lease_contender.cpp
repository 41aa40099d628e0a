#include "kube/lease_contender.h"

#include <utility>

namespace rebalance {
namespace {

const ApiResource kLeases{"coordination.k8s.io", "v1", "leases"};

}  // namespace

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
  if (holding_ && memory_.valid(around_.now())) {
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
