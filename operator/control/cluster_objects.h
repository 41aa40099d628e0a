// What the operator watches: RedisRebalances, pods, and the installation's hold. Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "codec/stored_objects.h"
#include "kube/informer.h"

namespace rebalance {

// A ConfigMap of that name in the operator's namespace: as long as its key `hold` is not empty, nothing
// moves. What it says is shown as the reason.
inline constexpr auto kHoldConfigMap = "redis-rebalance-hold";
inline constexpr auto kHoldKey = "hold";

class ClusterObjects {
 public:
  struct Told {
    std::function<void(const std::string& key)> rebalance_changed;  // "NAMESPACE/NAME"
    std::function<void()> hold_changed;
  };
  // `name_spaces` empty: all. Starts watching at once; `client` must outlive it.
  ClusterObjects(ApiClient& client, const std::vector<std::string>& name_spaces,
                 const std::string& own_name_space, const Told& told);

  bool synced() const;
  std::string trouble() const;  // the first watch that does not get through, and why; empty: all do

  std::shared_ptr<const StoredRebalance> rebalance(const std::string& key) const;
  std::vector<std::string> rebalances() const;
  Result<std::vector<PodState>> pods(const RedisRebalance& resource) const;
  std::string hold() const;
  std::vector<std::pair<std::string, Instant>> last_heard() const;  // by plural

 private:
  struct HoldText {
    std::string text;
  };
  std::vector<std::unique_ptr<Informer<StoredRebalance>>> rebalances_;
  std::vector<std::unique_ptr<Informer<StoredPod>>> pods_;
  std::unique_ptr<Informer<HoldText>> hold_;
};

}  // namespace rebalance
