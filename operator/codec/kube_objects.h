// Pods and Secrets as Kubernetes prints them, reduced to what this program asks of them. Unknown fields are
// ignored.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/spec.h"
#include "codec/yaml.h"
#include "model/cluster.h"

namespace rebalance {

// A Secret's values are credentials: they go nowhere but into a connection.
struct SecretData {
  std::string name;
  std::string name_space = "default";
  std::map<std::string, std::string> data;  // decoded; stringData wins over data, as in the API server
};

// A pod's labels and whether it may be a node at all (what Succeeded or Failed is none).
struct PodHead {
  std::string name;
  std::string name_space = "default";
  std::map<std::string, std::string> labels;
  bool finished = false;
};

// The objects of all documents, with every `kind: List` (and PodList, SecretList) unfolded.
std::vector<const YamlNode*> objects_of(const std::vector<YamlNode>& documents);

PodHead decode_pod_head(const YamlNode& pod);
bool matches(const PodHead& pod, const std::map<std::string, std::string>& match_labels);

// The pod as the spec sees it: which container and port, and the limit that holds now.
//
// limit = the smaller of spec and status of the container (they differ only while a resize is under way), and
// at most what a pod-level limit leaves beside the other containers and sidecars (their limits, else their
// requests). "0" is no limit, and no limit is 0; `resize` has both, and what the kubelet says of a resize.
// Source: KEP-1287, KEP-2837, KEP-753. kInvalidInput: the
// spec's container or port is not there or not to be told, a quantity is none, no room is left.
Result<PodState> decode_pod(const YamlNode& pod, const ClusterSpec& cluster);

// kInvalidInput names the key whose value is not base64, never the value.
Result<SecretData> decode_secret(const YamlNode& secret);

}  // namespace rebalance
