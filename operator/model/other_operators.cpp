#include "model/other_operators.h"

#include <algorithm>
#include <array>

namespace rebalance {
namespace {

// Sources of the labels, and of what each does: owner/repository:path.
constexpr std::array kOperators{
    // OT-CONTAINER-KIT/redis-operator:internal/k8sutils/labels.go,
    // internal/controller/common/skip_reconcile.go
    OtherOperator{"OT-CONTAINER-KIT redis-operator", "redis_setup_type", "cluster",
                  "annotate its RedisCluster with rediscluster.opstreelabs.in/skip-reconcile=true, and take "
                  "that away afterwards"},
    // valkey-io/valkey-operator:internal/controller/utils.go, internal/valkey/cluster_rebalance.go
    OtherOperator{
        "valkey-io valkey-operator", "valkey.io/cluster", "",
        "it evens out numbers of slots by itself and has no pause: scale it to 0 replicas meanwhile, "
        "and expect it to undo a layout by bytes afterwards"},
    // InditexTech/redkeyoperator:controllers/redkeycluster_manager.go, docs/redkey-robin.md
    OtherOperator{"Redkey operator", "redkey-cluster-name", "",
                  "its Robin balances numbers of slots by itself: scale the operator and the cluster's Robin "
                  "to 0 replicas meanwhile"},
    // alauda/redis-operator, chideat/valkey-operator:internal/builder/clusterbuilder/helper.go,
    // ucloud/redis-cluster-operator
    OtherOperator{
        "redis-cluster-operator (alauda, ucloud)", "redis.kun/name", "",
        "it moves slots when the number of shards changes, and mends what it takes for broken: leave "
        "its spec alone, or scale it to 0 replicas meanwhile"},
    // IBM/operator-for-redis-cluster:api/v1alpha1, AmadeusITGroup/Redis-Operator:pkg/api/redis/v1
    OtherOperator{"operator-for-redis-cluster (IBM, Amadeus)", "redis-operator.k8s.io/cluster-name", "",
                  "it moves slots when the number of primaries changes, and mends what it takes for broken: "
                  "leave its spec alone, or scale it to 0 replicas meanwhile"},
    // howl-cloud/redis-operator:api/v1
    OtherOperator{"howl-cloud redis-operator", "redis.io/cluster", "",
                  "it moves slots when the number of shards changes: leave its spec alone, or scale it to 0 "
                  "replicas meanwhile"},
    // apecloud/kubeblocks:pkg/constant; apecloud/kubeblocks-addons:addons/redis
    OtherOperator{
        "KubeBlocks", "app.kubernetes.io/managed-by", "kubeblocks",
        "it moves slots when shards are added or removed, or for an OpsRequest: make none meanwhile"},
    // kubedb.com/docs: guides/redis
    OtherOperator{"KubeDB", "app.kubernetes.io/managed-by", "kubedb.com",
                  "it moves slots for a RedisOpsRequest, which its autoscaler can make as well: make none "
                  "meanwhile"},
};

}  // namespace

const OtherOperator* other_operator(const std::map<std::string, std::string>& labels) {
  const auto at = std::ranges::find_if(kOperators, [&](const OtherOperator& one) {
    const auto label = labels.find(one.label);
    return label != labels.end() && (*one.value == '\0' || label->second == one.value);
  });
  return at == kOperators.end() ? nullptr : &*at;
}

const OtherOperator* other_operator(std::string_view name) {
  const auto at = std::ranges::find(kOperators, name, &OtherOperator::name);
  return at == kOperators.end() ? nullptr : &*at;
}

}  // namespace rebalance
