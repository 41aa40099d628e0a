#include "codec/kube_objects.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "base/base64.h"
#include "model/other_operators.h"

namespace rebalance {
namespace {

constexpr int kRedisPort = 6379;

const std::vector<YamlNode>& list_at(const YamlNode& node, std::initializer_list<std::string_view> path) {
  static const std::vector<YamlNode> none;
  const auto* const list = node.at(path);
  return list == nullptr ? none : list->items;
}

bool is_sidecar(const YamlNode& init_container) {
  return init_container.text_at({"restartPolicy"}) == "Always";
}

// What runs beside each other in the pod: its containers, then its sidecars.
std::vector<const YamlNode*> running_containers(const YamlNode& pod) {
  std::vector<const YamlNode*> running;
  for (const auto& container : list_at(pod, {"spec", "containers"})) running.push_back(&container);
  for (const auto& container : list_at(pod, {"spec", "initContainers"})) {
    if (is_sidecar(container)) running.push_back(&container);
  }
  return running;
}

const YamlNode* status_of(const YamlNode& pod, const std::string& container) {
  for (const auto* const statuses :
       {&list_at(pod, {"status", "containerStatuses"}), &list_at(pod, {"status", "initContainerStatuses"})}) {
    for (const auto& status : *statuses) {
      if (status.text_at({"name"}) == container) return &status;
    }
  }
  return nullptr;
}

std::unexpected<Error> refuse(const std::string& pod, const std::string& sentence) {
  return invalid_input(fmt::format("pod {}: {}", pod, sentence));
}

// resources.limits.memory or resources.requests.memory of a container, its status or the pod; 0 when not set.
Result<Bytes> memory(const YamlNode* node, std::string_view what) {
  if (node == nullptr) return Bytes{0};
  const auto text = node->text_at({"resources", what, "memory"});
  return text.empty() ? Result<Bytes>(0) : parse_quantity(text);
}

Bytes smaller_set(Bytes a, Bytes b) {
  if (a <= 0 || b <= 0) return std::max({a, b, Bytes{0}});
  return std::min(a, b);
}

Result<Bytes> effective(const YamlNode* spec, const YamlNode* status, std::string_view what) {
  TRY(wanted, memory(spec, what));
  TRY(actual, memory(status, what));
  return smaller_set(wanted, actual);
}

// What a container takes at least out of a limit that the whole pod shares.
Result<Bytes> claim(const YamlNode& pod, const YamlNode& container) {
  const auto* const status = status_of(pod, container.text_at({"name"}));
  Bytes most = 0;
  for (const auto* const node : {&container, status}) {
    TRY(limit, memory(node, "limits"));
    most = std::max(most, limit);
  }
  if (most > 0) return most;
  return memory(&container, "requests");
}

// What the pod-level limit leaves for the container; 0 when there is no pod-level limit.
Result<Bytes> left_by_pod_limit(const YamlNode& pod, const YamlNode& container) {
  TRY(limit, effective(pod.find("spec"), pod.find("status"), "limits"));
  if (limit == 0) return Bytes{0};
  Bytes others = 0;
  for (const auto* const other : running_containers(pod)) {
    if (other == &container) continue;
    TRY(bytes, claim(pod, *other));
    others += std::min(bytes, limit);
  }
  if (others >= limit) {
    return invalid_input(
        fmt::format("its pod-level memory limit of {} is used up by its other containers ({})",
                    quantity_text(limit), quantity_text(others)));
  }
  return limit - others;
}

Result<Bytes> effective_limit(const YamlNode& pod, const YamlNode& container) {
  TRY(own, effective(&container, status_of(pod, container.text_at({"name"})), "limits"));
  TRY(left, left_by_pod_limit(pod, container));
  return smaller_set(own, left);
}

int port_number(const YamlNode& port) {
  const auto* const number = port.find("containerPort");
  return number == nullptr ? 0 : static_cast<int>(std::clamp<std::int64_t>(number->integer, 0, 65535));
}

// The number of the container's port that the spec means, if it exposes it.
std::optional<int> exposed(const YamlNode& container, const PortRef& port) {
  const int wanted = port.number != 0 ? port.number : kRedisPort;
  for (const auto& candidate : list_at(container, {"ports"})) {
    const bool named = !port.name.empty() && candidate.text_at({"name"}) == port.name;
    if (named || (port.name.empty() && port_number(candidate) == wanted)) return port_number(candidate);
  }
  return std::nullopt;
}

std::string names_of(const std::vector<const YamlNode*>& containers) {
  std::vector<std::string> names;
  for (const auto* const container : containers) names.push_back(container->text_at({"name"}));
  return fmt::format("{}", fmt::join(names, ", "));
}

Result<const YamlNode*> choose_container(const YamlNode& pod, const ClusterSpec& cluster) {
  const auto running = running_containers(pod);
  if (!cluster.container.empty()) {
    const auto named = [&](const auto* container) {
      return container->text_at({"name"}) == cluster.container;
    };
    const auto found = std::ranges::find_if(running, named);
    if (found != running.end()) return *found;
    return invalid_input(fmt::format("it has no container \"{}\" (spec.cluster.container); it has {}",
                                     cluster.container, names_of(running)));
  }
  for (const auto* const container : running) {
    if (exposed(*container, cluster.port)) return container;
  }
  if (list_at(pod, {"spec", "containers"}).size() == 1) return &list_at(pod, {"spec", "containers"}).front();
  return invalid_input(fmt::format("none of its containers ({}) exposes the port; set spec.cluster.container",
                                   names_of(running)));
}

Result<int> choose_port(const YamlNode& container, const PortRef& port) {
  if (const auto number = exposed(container, port)) return *number;
  const auto name = container.text_at({"name"});
  if (!port.name.empty()) {
    return invalid_input(
        fmt::format("container {} has no port named \"{}\" (spec.cluster.port)", name, port.name));
  }
  if (port.number != 0) return port.number;  // a container need not list what it listens on
  const auto& ports = list_at(container, {"ports"});
  if (ports.empty()) return kRedisPort;
  if (ports.size() == 1) return port_number(ports.front());
  return invalid_input(fmt::format("container {} has {} ports and none is {}; set spec.cluster.port", name,
                                   ports.size(), kRedisPort));
}

bool is_ready(const YamlNode& pod) {
  return std::ranges::any_of(list_at(pod, {"status", "conditions"}), [](const auto& condition) {
    return condition.text_at({"type"}) == "Ready" && condition.text_at({"status"}) == "True";
  });
}

bool knows_ready(const YamlNode& pod) { return !list_at(pod, {"status", "conditions"}).empty(); }

std::string label(const PodHead& pod, const std::string& name) {
  const auto found = pod.labels.find(name);
  return found == pod.labels.end() ? std::string() : found->second;
}

std::string stateful_set_of(const YamlNode& pod) {
  for (const auto& owner : list_at(pod, {"metadata", "ownerReferences"})) {
    if (owner.text_at({"kind"}) == "StatefulSet") return owner.text_at({"name"});
  }
  return {};
}

bool restarts_on_resize(const YamlNode& container) {
  return std::ranges::any_of(list_at(container, {"resizePolicy"}), [](const auto& policy) {
    return policy.text_at({"resourceName"}) == "memory" &&
           policy.text_at({"restartPolicy"}) == "RestartContainer";
  });
}

std::string resize_hindrance(const YamlNode& pod, const YamlNode& container, Bytes own_limit) {
  const auto* const pod_limit = pod.at({"spec", "resources", "limits", "memory"});
  const bool plain = std::ranges::any_of(list_at(pod, {"spec", "containers"}),
                                         [&](const auto& one) { return &one == &container; });
  if (restarts_on_resize(container))
    return "its resizePolicy for memory is RestartContainer, which would restart the server";
  if (pod_limit != nullptr) return "its limit is that of the whole pod (spec.resources)";
  if (!plain) return "its server runs in a sidecar (spec.initContainers)";
  return own_limit == 0 ? "its container has no memory limit" : "";
}

// KEP-1287: PodResizePending with reason Deferred or Infeasible, else PodResizeInProgress, with reason Error
// where the kubelet tried in vain.
void read_resize_conditions(const YamlNode& pod, PodResize& resize) {
  for (const auto& condition : list_at(pod, {"status", "conditions"})) {
    const auto type = condition.text_at({"type"});
    const bool pending = type == "PodResizePending";
    if ((!pending && type != "PodResizeInProgress") || condition.text_at({"status"}) != "True") continue;
    if (!resize.state.empty() && !pending) continue;
    resize.state = condition.text_at({"reason"});
    if (resize.state.empty()) resize.state = pending ? "Deferred" : "InProgress";
    resize.message = condition.text_at({"message"});
  }
}

Result<PodResize> read_resize(const YamlNode& pod, const YamlNode& container) {
  PodResize resize;
  TRY(wanted, memory(&container, "limits"));
  TRY(actual, memory(status_of(pod, container.text_at({"name"})), "limits"));
  resize.wanted = wanted;
  resize.actual = actual;
  resize.guaranteed = pod.text_at({"status", "qosClass"}) == "Guaranteed";
  resize.hindrance = resize_hindrance(pod, container, wanted);
  read_resize_conditions(pod, resize);
  return resize;
}

void read_restarts(const YamlNode& pod, PodState& state) {
  const auto* const status = status_of(pod, state.container);
  if (status == nullptr) return;
  if (const auto* const count = status->find("restartCount"))
    state.restart_count = static_cast<int>(count->integer);
  state.oom_killed = status->text_at({"lastState", "terminated", "reason"}) == "OOMKilled" ||
                     status->text_at({"state", "terminated", "reason"}) == "OOMKilled";
}

Result<PodState> decode_checked(const YamlNode& pod, const ClusterSpec& cluster) {
  PodState state;
  const auto head = decode_pod_head(pod);
  state.name = head.name;
  state.pod_namespace = head.name_space;
  state.uid = pod.text_at({"metadata", "uid"});
  state.ip = pod.text_at({"status", "podIP"});
  state.zone = label(head, "topology.kubernetes.io/zone");
  state.stateful_set = stateful_set_of(pod);
  state.revision = label(head, "controller-revision-hash");
  if (const auto* other = other_operator(head.labels)) state.operated_by = other->name;
  TRY(container, choose_container(pod, cluster));
  state.container = container->text_at({"name"});
  TRY(port, choose_port(*container, cluster.port));
  state.port = port;
  TRY(limit, effective_limit(pod, *container));
  state.limit = limit;
  TRY(request, memory(container, "requests"));
  state.request = request;
  TRY(resize, read_resize(pod, *container));
  state.resize = std::move(resize);
  state.deleting = !pod.text_at({"metadata", "deletionTimestamp"}).empty();
  // Hand-written pods say nothing of readiness; then an address is enough.
  state.ready = !state.ip.empty() && (is_ready(pod) || !knows_ready(pod));
  read_restarts(pod, state);
  return state;
}

}  // namespace

std::vector<const YamlNode*> objects_of(const std::vector<YamlNode>& documents) {
  std::vector<const YamlNode*> objects;
  for (const auto& document : documents) {
    const bool is_list = document.text_at({"kind"}).ends_with("List") && document.find("items") != nullptr;
    if (!is_list) objects.push_back(&document);
    for (const auto& item : list_at(document, {"items"})) {
      if (is_list) objects.push_back(&item);
    }
  }
  return objects;
}

PodHead decode_pod_head(const YamlNode& pod) {
  PodHead head;
  head.name = pod.text_at({"metadata", "name"});
  if (auto space = pod.text_at({"metadata", "namespace"}); !space.empty()) head.name_space = std::move(space);
  if (const auto* const labels = pod.at({"metadata", "labels"})) {
    for (const auto& [key, value] : labels->members) head.labels[key] = value.text;
  }
  const auto phase = pod.text_at({"status", "phase"});
  head.finished = phase == "Succeeded" || phase == "Failed";
  return head;
}

bool matches(const PodHead& pod, const std::map<std::string, std::string>& match_labels) {
  return std::ranges::all_of(match_labels, [&](const auto& wanted) {
    const auto found = pod.labels.find(wanted.first);
    return found != pod.labels.end() && found->second == wanted.second;
  });
}

Result<PodState> decode_pod(const YamlNode& pod, const ClusterSpec& cluster) {
  auto state = decode_checked(pod, cluster);
  if (!state) return refuse(pod.text_at({"metadata", "name"}), state.error().message);
  return state;
}

Result<SecretData> decode_secret(const YamlNode& secret) {
  SecretData decoded;
  decoded.name = secret.text_at({"metadata", "name"});
  if (auto space = secret.text_at({"metadata", "namespace"}); !space.empty())
    decoded.name_space = std::move(space);
  if (const auto* const data = secret.find("data")) {
    for (const auto& [key, value] : data->members) {
      auto bytes = from_base64(value.text);
      if (!bytes)
        return invalid_input(fmt::format("secret {}: the value of data.{} is not base64", decoded.name, key));
      decoded.data[key] = std::move(*bytes);
    }
  }
  if (const auto* const data = secret.find("stringData")) {
    for (const auto& [key, value] : data->members) decoded.data[key] = value.text;
  }
  return decoded;
}

}  // namespace rebalance
