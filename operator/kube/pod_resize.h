// Changes the memory limit of a running pod through its subresource `resize`.
#pragma once

#include "kube/api_client.h"
#include "model/cluster.h"

namespace rebalance {

// Asks for it: what the kubelet makes of it is in the pod's status later. kRefused: a right is missing, or a
// quota is used up; kInvalidInput: this pod will never be resized so, as the API server says; kConflict: it
// is another pod by now.
Status resize_pod(ApiClient& client, const PodState& pod, Bytes limit);

}  // namespace rebalance
