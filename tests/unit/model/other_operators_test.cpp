#include "model/other_operators.h"

#include <gtest/gtest.h>

namespace rebalance {
namespace {

TEST(OtherOperators, AreToldByTheLabelsOfTheirPods) {
  const std::pair<std::map<std::string, std::string>, const char*> cases[] = {
      {{{"redis_setup_type", "cluster"}, {"app", "redis-leader"}}, "OT-CONTAINER-KIT redis-operator"},
      {{{"valkey.io/cluster", "shop"}}, "valkey-io valkey-operator"},
      {{{"redkey-cluster-name", "shop"}}, "Redkey operator"},
      {{{"redis.kun/name", "shop"}}, "redis-cluster-operator (alauda, ucloud)"},
      {{{"redis-operator.k8s.io/cluster-name", "x"}}, "operator-for-redis-cluster (IBM, Amadeus)"},
      {{{"redis.io/cluster", "shop"}}, "howl-cloud redis-operator"},
      {{{"app.kubernetes.io/managed-by", "kubeblocks"}}, "KubeBlocks"},
      {{{"app.kubernetes.io/managed-by", "kubedb.com"}}, "KubeDB"}};
  for (const auto& [labels, name] : cases) {
    const auto* found = other_operator(labels);
    ASSERT_NE(found, nullptr) << name;
    EXPECT_STREQ(found->name, name);
    EXPECT_EQ(other_operator(found->name), found);
  }
}

TEST(OtherOperators, AChartIsNone) {
  EXPECT_EQ(other_operator({{"app.kubernetes.io/managed-by", "Helm"}, {"app", "redis"}}), nullptr);
  EXPECT_EQ(other_operator({{"redis_setup_type", "standalone"}}), nullptr);
  EXPECT_EQ(other_operator(std::map<std::string, std::string>{}), nullptr);
  EXPECT_EQ(other_operator("nobody"), nullptr);
}

}  // namespace
}  // namespace rebalance
