#include "control/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rebalance {
namespace {

using ::testing::HasSubstr;

std::string refusal(WriteGate& gate) {
  const auto answer = gate.may_write();
  return answer ? "" : answer.error().message;
}

TEST(WriteGate, IsClosedUntilTheClusterIsClaimed) {
  WriteGate gate;
  EXPECT_THAT(refusal(gate), HasSubstr("never claimed"));
  gate.claim_seen(BootClock::now());
  EXPECT_EQ(refusal(gate), "");
}

TEST(WriteGate, ClosesWhenTheClaimWasNotRenewedInTime) {
  WriteGate gate;
  gate.claim_seen(BootClock::now() - WriteGate::kClaimValid - Millis(1));
  EXPECT_THAT(refusal(gate), HasSubstr("last renewed 10 s ago"));
}

TEST(WriteGate, SaysWhoTookTheClaim) {
  WriteGate gate;
  gate.claim_seen(BootClock::now());
  gate.claim_lost("held by ci-42");
  EXPECT_THAT(refusal(gate), HasSubstr("held by ci-42"));
  EXPECT_EQ(gate.may_write().error().code, ErrorCode::kConflict);
}

}  // namespace
}  // namespace rebalance
