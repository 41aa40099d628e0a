// Calls of the Kubernetes API: paths, typed errors, retries, a bound on the rate. Bodies are JSON text.
//
// Thread-safe; calls block.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "kube/transport.h"

namespace rebalance {

// Why a call failed: metav1.Status where the server sent one, else what the transport said (status 0).
struct ApiError {
  int status = 0;       // HTTP
  std::string reason;   // metav1.StatusReason: "NotFound", "Conflict", "Expired", ...; empty: not known
  std::string message;  // a sentence for a person: verb, path, and the server's words
  std::optional<Millis> retry_after;
  std::string cause;  // the first of its causes, by reason: "ResourceVersionTooLarge", ...; empty: none
  ErrorCode code = ErrorCode::kInternal;  // the nearest

  Error as_error() const { return {code, message}; }  // for those who know nothing of HTTP
  bool not_found() const { return status == 404; }
  bool conflict() const { return reason == "Conflict"; }
  bool exists() const { return reason == "AlreadyExists"; }
  // A resourceVersion or continue token that is too old, in all its forms.
  bool expired() const { return status == 410 || reason == "Expired" || reason == "Gone"; }
};
template <typename T>
using ApiResult = std::expected<T, ApiError>;

struct ApiResource {
  std::string group;  // empty: core
  std::string version, plural;
};

// "/apis/GROUP/VERSION/namespaces/NAMESPACE/PLURAL/NAME/SUBRESOURCE"; empty parts are left out.
std::string api_path(const ApiResource& resource, const std::string& name_space, const std::string& name = {},
                     const std::string& subresource = {});
std::string url_encoded(std::string_view text);

// Leases never wait behind other calls: they have their own transport, no bucket and no retries.
enum class Lane { kNormal, kLease };

class ApiClient {
 public:
  // `leases` may be `transport` again.
  ApiClient(std::shared_ptr<Transport> transport, std::shared_ptr<Transport> leases);
  ~ApiClient();

  // The body of a 2xx answer. 429 and 5xx are tried again, at most ten times and within the request's
  // deadline, after what Retry-After says; where it says nothing, 5xx only for GET, PUT and PATCH. So is a
  // broken connection, once; and any call once after a 401, with credentials that are read anew.
  ApiResult<std::string> call(const HttpRequest& request, std::stop_token stop, Lane lane = Lane::kNormal);

  // A watch; no retries. Ends well when the server ends it or `line` says so.
  ApiResult<void> stream(const HttpRequest& request, Millis idle,
                         const std::function<bool(std::string_view)>& line, std::stop_token stop);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace rebalance
