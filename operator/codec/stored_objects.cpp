#include "codec/stored_objects.h"

#include <algorithm>

#include "codec/json_slice.h"
#include "codec/json_tree.h"
#include "codec/rebalance_codec.h"

namespace rebalance {
namespace {

std::int64_t number_at(const YamlNode& node, std::initializer_list<std::string_view> path) {
  const auto* found = node.at(path);
  return found == nullptr ? 0 : found->integer;
}

// What decode_stored_rebalance() and decode_rebalance() look at; the status is decoded apart. Annotations may
// hold the whole object once more: only what tells who owns it.
const std::vector<KeptMember>& of_rebalance() {
  static const std::vector<KeptMember> members{{"apiVersion"},
                                               {"kind"},
                                               {"metadata",
                                                {{"name"},
                                                 {"namespace"},
                                                 {"uid"},
                                                 {"resourceVersion"},
                                                 {"generation"},
                                                 {"deletionTimestamp"},
                                                 {"finalizers"},
                                                 {"labels"},
                                                 {"annotations", {{"argocd.argoproj.io/tracking-id"}}}}},
                                               {"spec"}};
  return members;
}

// What decode_pod() and decode_pod_head() look at.
const std::vector<KeptMember>& of_pod() {
  static const std::vector<KeptMember> container{
      {"name"}, {"ports"}, {"resources"}, {"resizePolicy"}, {"restartPolicy"}};
  static const std::vector<KeptMember> status{{"name"},  {"resources"}, {"restartCount"},
                                              {"state"}, {"lastState"}, {"ready"}};
  static const std::vector<KeptMember> members{
      {"metadata",
       {{"name"},
        {"namespace"},
        {"uid"},
        {"labels"},
        {"deletionTimestamp"},
        {"ownerReferences", {{"kind"}, {"name"}}}}},
      {"spec", {{"resources"}, {"containers", container}, {"initContainers", container}}},
      {"status",
       {{"phase"},
        {"podIP"},
        {"resources"},
        {"qosClass"},
        {"conditions", {{"type"}, {"status"}, {"reason"}, {"message"}}},
        {"containerStatuses", status},
        {"initContainerStatuses", status}}}};
  return members;
}

}  // namespace

Result<StoredRebalance> decode_stored_rebalance(std::string_view json) {
  TRY(object, parse_json(kept(json, of_rebalance()), "the RedisRebalance"));
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
  if (auto decoded = decode_status(std::string(json_member(json, "status").value_or("{}"))))
    stored.status = *std::move(decoded);
  if (auto decoded = decode_rebalance(object, stored.name)) {
    stored.resource = *std::move(decoded);
    stored.resource->uid = stored.uid;
    stored.resource->generation = stored.generation;
  } else {
    stored.invalid = std::move(decoded).error().message;
  }
  return stored;
}

Result<StoredPod> decode_stored_pod(std::string_view json) {
  auto text = kept(json, of_pod());
  TRY(tree, parse_json(text, "a pod"));
  return StoredPod{decode_pod_head(tree), std::move(text)};
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
