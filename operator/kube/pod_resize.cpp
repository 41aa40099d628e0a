#include "kube/pod_resize.h"

#include <fmt/format.h>

#include "codec/limits_codec.h"

namespace rebalance {
namespace {

// Of a subresource that the server does not have it says another sentence than of a pod that is not there.
Error explained(const ApiError& failure) {
  Error why = failure.as_error();
  const auto says = [&](const char* words) { return failure.message.find(words) != std::string::npos; };
  if (failure.status == 403 && says("cannot patch resource")) {
    why.message += "; set rbac.resizePods in the chart, which gives the operator this right";
  } else if (failure.status == 403 && says("enough allocatable resources")) {
    why.code = ErrorCode::kInvalidInput;  // what a kubelet calls Infeasible
  } else if (failure.not_found() && says("could not find the requested resource")) {
    why.message =
        "the API server has no subresource pods/resize, which came with Kubernetes 1.33; set "
        "headroom.onShortage to Refuse or Wait";
  } else if (failure.not_found()) {
    why.code = ErrorCode::kConflict;
  }
  return why;
}

}  // namespace

Status resize_pod(ApiClient& client, const PodState& pod, Bytes limit) {
  HttpRequest request;
  request.method = "PATCH";
  request.path = api_path({"", "v1", "pods"}, pod.pod_namespace, pod.name, "resize");
  request.content_type = "application/strategic-merge-patch+json";
  request.body = resize_patch(pod, limit);
  if (const auto answer = client.call(request, {}); !answer)
    return std::unexpected(explained(answer.error()));
  return {};
}

}  // namespace rebalance
