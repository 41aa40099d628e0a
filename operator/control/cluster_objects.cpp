#include "control/cluster_objects.h"

#include <fmt/format.h>

#include <algorithm>

#include "codec/json_tree.h"
#include "control/rebalance_object.h"

namespace rebalance {
namespace {

template <typename T>
std::shared_ptr<const T> find(const std::vector<std::unique_ptr<Informer<T>>>& informers,
                              const std::string& key) {
  for (const auto& informer : informers) {
    if (auto found = informer->get(key)) return found;
  }
  return nullptr;
}

template <typename Informers>
bool all_synced(const Informers& informers) {
  return std::ranges::all_of(informers, [](const auto& informer) { return informer->synced(); });
}

template <typename Informers>
std::string first_trouble(const Informers& informers, const std::string& what) {
  for (const auto& informer : informers) {
    if (const auto why = informer->last_error(); !why.empty()) return fmt::format("{}: {}", what, why);
  }
  return {};
}

template <typename Informers>
Instant oldest(const Informers& informers) {
  Instant oldest = BootClock::now();
  for (const auto& informer : informers) oldest = std::min(oldest, informer->last_progress());
  return oldest;
}

}  // namespace

ClusterObjects::ClusterObjects(ApiClient& client, const std::vector<std::string>& name_spaces,
                               const std::string& own_name_space, const Told& told) {
  const auto spaces = name_spaces.empty() ? std::vector<std::string>{""} : name_spaces;
  for (const auto& space : spaces) {
    rebalances_.push_back(std::make_unique<Informer<StoredRebalance>>(
        client,
        Informer<StoredRebalance>::Options{.target = {rebalance_resource(), space, {}, {}},
                                           .decode = decode_stored_rebalance,
                                           .on_change = [told](const auto& key, const auto*, const auto*) {
                                             told.rebalance_changed(key);
                                           }}));
    pods_.push_back(std::make_unique<Informer<StoredPod>>(
        client, Informer<StoredPod>::Options{.target = {{"", "v1", "pods"}, space, {}, {}},
                                             .decode = decode_stored_pod,
                                             .on_change = {},
                                             .rules = {.lists_from_cache = false}}));
  }
  const auto decode_hold = [](std::string_view json) -> Result<HoldText> {
    TRY(tree, parse_json(json, kHoldConfigMap));
    return HoldText{tree.text_at({"data", kHoldKey})};
  };
  hold_ = std::make_unique<Informer<HoldText>>(
      client, Informer<HoldText>::Options{
                  .target = {{"", "v1", "configmaps"},
                             own_name_space,
                             {},
                             std::string("metadata.name=") + kHoldConfigMap},
                  .decode = decode_hold,
                  .on_change = [told](const auto&, const auto*, const auto*) { told.hold_changed(); }});
  hold_->start();
  for (auto& informer : pods_) informer->start();
  for (auto& informer : rebalances_) informer->start();
}

bool ClusterObjects::synced() const {
  return all_synced(rebalances_) && all_synced(pods_) && hold_->synced();
}

std::string ClusterObjects::trouble() const {
  if (auto why = first_trouble(rebalances_, "redisrebalances"); !why.empty()) return why;
  if (auto why = first_trouble(pods_, "pods"); !why.empty()) return why;
  const auto why = hold_->last_error();
  return why.empty() ? why : "configmaps: " + why;
}

std::shared_ptr<const StoredRebalance> ClusterObjects::rebalance(const std::string& key) const {
  return find(rebalances_, key);
}

std::vector<std::string> ClusterObjects::rebalances() const {
  std::vector<std::string> keys;
  for (const auto& informer : rebalances_) {
    for (const auto& [key, entry] : informer->all()) keys.push_back(key);
  }
  return keys;
}

Result<std::vector<PodState>> ClusterObjects::pods(const RedisRebalance& resource) const {
  std::vector<std::shared_ptr<const StoredPod>> kept;
  std::vector<const StoredPod*> all;
  for (const auto& informer : pods_) {
    for (auto& pod : informer->of_namespace(resource.name_space)) {
      all.push_back(pod.get());
      kept.push_back(std::move(pod));
    }
  }
  return select_pods(all, resource);
}

std::string ClusterObjects::hold() const {
  for (const auto& [key, entry] : hold_->all()) return entry.value->text;
  return {};
}

std::vector<std::pair<std::string, Instant>> ClusterObjects::last_heard() const {
  return {{"redisrebalances", oldest(rebalances_)},
          {"pods", oldest(pods_)},
          {"configmaps", hold_->last_progress()}};
}

}  // namespace rebalance
