#include "codec/stored_objects.h"

#include <algorithm>

#include "codec/json_tree.h"
#include "codec/rebalance_codec.h"

namespace rebalance {
namespace {

std::int64_t number_at(const YamlNode& node, std::initializer_list<std::string_view> path) {
  const auto* found = node.at(path);
  return found == nullptr ? 0 : found->integer;
}

void forget(YamlNode& map, std::string_view key) {
  std::erase_if(map.members, [&](const auto& member) { return member.key == key; });
}

// Larger than the spec at times, and nothing to those who decode that.
void forget_all_but_the_spec(YamlNode& object) {
  forget(object, "status");
  for (auto& [key, value] : object.members)
    if (key == "metadata") forget(value, "managedFields");
}

}  // namespace

Result<StoredRebalance> decode_stored_rebalance(std::string_view json) {
  TRY(object, parse_json(json, "the RedisRebalance"));
  StoredRebalance stored;
  stored.name = object.text_at({"metadata", "name"});
  stored.name_space = object.text_at({"metadata", "namespace"});
  stored.uid = object.text_at({"metadata", "uid"});
  if (stored.name.empty() || stored.uid.empty()) return invalid_input("a RedisRebalance without name or uid");
  stored.resource_version = object.text_at({"metadata", "resourceVersion"});
  stored.generation = number_at(object, {"metadata", "generation"});
  stored.deleting = !object.text_at({"metadata", "deletionTimestamp"}).empty();
  if (const auto* finalizers = object.at({"metadata", "finalizers"})) {
    for (const auto& finalizer : finalizers->items) stored.finalizers.push_back(finalizer.text);
  }
  forget_all_but_the_spec(object);
  TRY(status, member_text(json, "status"));
  if (auto decoded = decode_status(status)) stored.status = *std::move(decoded);
  if (auto decoded = decode_rebalance(object, stored.name)) {
    stored.resource = std::move(decoded->object);
    stored.resource->uid = stored.uid;
    stored.resource->generation = stored.generation;
  } else {
    stored.invalid = std::move(decoded).error().message;
  }
  return stored;
}

Result<StoredPod> decode_stored_pod(std::string_view json) {
  TRY(pod, reduced_pod(json));
  return StoredPod{decode_pod_head(pod.tree), std::move(pod.text)};
}

Result<std::vector<PodState>> select_pods(const std::vector<const StoredPod*>& pods,
                                          const RedisRebalance& resource) {
  std::vector<PodState> chosen;
  for (const auto* pod : pods) {
    const auto& head = pod->head;
    if (head.finished || head.name_space != resource.name_space ||
        !matches(head, resource.spec.cluster.match_labels))
      continue;
    TRY(tree, parse_json(pod->text, head.name));
    TRY(state, decode_pod(tree, resource.spec.cluster));
    chosen.push_back(std::move(state));
  }
  std::ranges::sort(chosen, {}, &PodState::name);
  return chosen;
}

}  // namespace rebalance
