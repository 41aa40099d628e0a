#include "control/keeper.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/host.h"
#include "base/log.h"
#include "base/wait.h"

namespace rebalance {
namespace {

constexpr Millis kPeriod{1000};

// Who holds the claim, for whoever has to wait: HOST.PID.
std::string holder() { return fmt::format("{}.{}", host_name(), getpid()); }

}  // namespace

Result<std::unique_ptr<ClaimKeeper>> ClaimKeeper::take(std::span<const ConnectOptions> nodes,
                                                       WriteGate& gate) {
  TRY(taken, Claim::acquire(nodes, holder()));
  if (const auto* other = std::get_if<HeldBy>(&taken)) return error(ErrorCode::kConflict, other->text());
  return std::make_unique<ClaimKeeper>(std::get<Claim>(std::move(taken)), gate);
}

ClaimKeeper::ClaimKeeper(Claim claim, WriteGate& gate) : claim_(std::move(claim)), gate_(gate) {
  gate_.claim_seen(BootClock::now());
  thread_ = std::jthread([this](const std::stop_token& stop) { keep(stop); });
}

ClaimKeeper::~ClaimKeeper() { gate_.claim_lost("the claim was released"); }

void ClaimKeeper::keep(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    wait_for(stop, kPeriod);
    const auto asked = BootClock::now();  // what is valid counts from before the question
    const auto kept = claim_.keep_alive();
    if (!kept && kept.error().code == ErrorCode::kConflict) return gate_.claim_lost(kept.error().message);
    // A silent node closes the gate after a while: behind a cut link another executor may have taken over.
    if (kept)
      gate_.claim_seen(asked);
    else
      log_debug(kept.error().message);
  }
}

}  // namespace rebalance
