// Why the API server said no, from its answer: a metav1.Status where it sent one, else the bare HTTP.
#pragma once

#include <string_view>

#include "kube/api_client.h"

namespace rebalance {

// The answer of a status above 299. Priority and fairness refuses in plain text, proxies in HTML: the reason
// is then the one that the number stands for, and the message what can be shown of the text.
ApiError api_error(const HttpRequest& request, const HttpResponse& response);

// The Status that an ERROR event of a watch carries, as JSON text.
ApiError watch_error(std::string_view status_json);

// The call failed before there was an answer.
ApiError transport_error(const HttpRequest& request, const Error& failure);

}  // namespace rebalance
