#include "api/cluster_name.h"

#include <gtest/gtest.h>

namespace rebalance {
namespace {

std::string name_of(const std::map<std::string, std::string>& labels) {
  ClusterSpec cluster;
  cluster.match_labels = labels;
  return cluster_name(cluster);
}

TEST(ClusterName, IsTheInstanceThatTheSelectorNames) {
  EXPECT_EQ(name_of({{"app.kubernetes.io/instance", "shop"}, {"app.kubernetes.io/name", "redis"}}), "shop");
  EXPECT_EQ(name_of({{"app.kubernetes.io/name", "redis"}, {"app", "x"}}), "redis");
  EXPECT_EQ(name_of({{"app", "redis-cluster"}, {"a", "b"}}), "redis-cluster");
}

TEST(ClusterName, FallsBackToTheFirstLabelsValue) {
  EXPECT_EQ(name_of({{"team", "shop"}, {"zone", "1"}}), "shop");
  EXPECT_EQ(name_of({}), "");
}

}  // namespace
}  // namespace rebalance
