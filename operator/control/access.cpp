#include "control/access.h"

#include <fmt/format.h>

namespace rebalance {
namespace {

using Entries = std::map<std::string, std::string>;

std::string entry_or_empty(const Entries& entries, const std::string& key) {
  const auto found = entries.find(key);
  return found == entries.end() ? std::string{} : found->second;
}

Status add_credentials(Access& access, const SecretKeys& keys, const SecretReader& secrets) {
  TRY(entries, secrets(keys.secret_name));
  access.username = entry_or_empty(entries, keys.username_key);
  access.password = entry_or_empty(entries, keys.password_key);
  if (!access.password.empty()) return {};
  return invalid_input(
      fmt::format("secret {} has no entry \"{}\" (spec.cluster.auth)", keys.secret_name, keys.password_key));
}

Status add_tls(Access& access, const TlsSpec& tls, const SecretReader& secrets) {
  TRY(entries, secrets(tls.secret_name));
  access.tls = true;
  access.ca = entry_or_empty(entries, "ca.crt");
  access.certificate = entry_or_empty(entries, "tls.crt");
  access.key = entry_or_empty(entries, "tls.key");
  access.server_name = tls.server_name;
  if (!access.ca.empty()) return {};
  return invalid_input(fmt::format("secret {} has no entry \"ca.crt\" (spec.cluster.tls)", tls.secret_name));
}

Result<Access> read_access(const ClusterSpec& cluster, const SecretReader& secrets) {
  Access access;
  if (cluster.auth) TRY_OK(add_credentials(access, *cluster.auth, secrets));
  if (cluster.tls) TRY_OK(add_tls(access, *cluster.tls, secrets));
  return access;
}

}  // namespace

ConnectOptions connect_options(const PodState& pod, const ClusterSpec& cluster, const SecretReader& secrets,
                               const std::string& client_name) {
  ConnectOptions options;
  options.endpoint = {pod.ip, pod.port};
  options.access = [cluster, secrets] { return read_access(cluster, secrets); };
  options.client_name = client_name;
  return options;
}

}  // namespace rebalance
