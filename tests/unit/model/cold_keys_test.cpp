#include "model/cold_keys.h"

#include <gtest/gtest.h>

namespace rebalance {
namespace {

TEST(ColdKeys, AreToldAsAnEstimateWhereTheyAreOne) {
  EXPECT_EQ(cold_sentence({5000, 800, 0, 120, kMiB, 0}, 2'592'000),
            "about 120 of 5000 keys were not used for 30 days (1.0Mi), by 800 that were looked at");
  EXPECT_EQ(cold_sentence({50, 50, 3, 12, 2 * kMiB, 11}, 90),
            "12 of 50 keys were not used for 90 s (2.0Mi); 11 of them were deleted; 3 more had expired");
}

}  // namespace
}  // namespace rebalance
