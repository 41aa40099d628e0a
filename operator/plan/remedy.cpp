#include "plan/remedy.h"
namespace rebalance {
Refusal refuse(const World&, const RebalanceSpec&, const Factors&, const Draft& draft) {
  return *draft.schedule.refusal;
}
}  // namespace rebalance
