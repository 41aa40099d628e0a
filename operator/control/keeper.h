// A claim on the cluster that is kept alive: each second a claimed command to every node, so that nobody
// takes it for stale, and so that the write gate knows that it still stands.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <thread>

#include "control/gate.h"
#include "redis/claim.h"

namespace rebalance {

class ClaimKeeper {
 public:
  // kConflict: another executor's live claim; the message says who and since when. Any other error: a node
  // could not be asked, so nothing is claimed.
  static Result<std::unique_ptr<ClaimKeeper>> take(std::span<const ConnectOptions> nodes, WriteGate& gate);
  ClaimKeeper(Claim claim, WriteGate& gate);
  ~ClaimKeeper();

  const std::string& client_name() const { return claim_.client_name(); }

 private:
  void keep(const std::stop_token& stop);
  Claim claim_;
  WriteGate& gate_;
  std::jthread thread_;  // last: it ends before what it uses
};

}  // namespace rebalance
