// kubectl's configuration files (client-go: tools/clientcmd/api/v1/types.go).
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <map>

#include "base/base64.h"
#include "codec/yaml.h"
#include "kube/cluster_config.h"
#include "kube/exec_plugin.h"
#include "kube/server_url.h"

namespace rebalance {
namespace {

namespace fs = std::filesystem;

// One cluster, user or context, and the file that it stands in: relative names start there.
struct Entry {
  YamlNode node;
  std::string file;

  bool has(std::string_view key) const { return !text(key).empty(); }
  std::string text(std::string_view key) const { return node.text_at({key}); }
  // "~/.kube/config:12"
  std::string place() const { return fmt::format("{}:{}", file, node.line); }
  std::string beside(const std::string& name) const {
    return name.empty() ? name : (fs::path(file).parent_path() / name).lexically_normal().string();
  }
};

struct Merged {
  std::map<std::string, Entry> clusters, users, contexts;
  std::string current_context;
};

std::unexpected<Error> refusal(const Entry& entry, const std::string& sentence) {
  return invalid_input(fmt::format("{}: {}", entry.place(), sentence));
}

// `key` is "cluster" in an item of "clusters", and so on.
void merge_list(const YamlNode& document, std::string_view list, std::string_view key,
                const std::string& file, std::map<std::string, Entry>& into) {
  const auto* const items = document.find(list);
  if (items == nullptr) return;
  for (const auto& item : items->items) {
    Entry entry{.node = {}, .file = file};
    if (const auto* const value = item.find(key)) entry.node = *value;
    if (entry.node.line == 0) entry.node.line = item.line;
    into.try_emplace(item.text_at({"name"}), std::move(entry));
  }
}

Status merge_file(const std::string& file, bool may_be_missing, Merged& merged) {
  std::error_code failure;
  if (may_be_missing && !fs::exists(file, failure)) return {};
  const auto text = TextSource{{}, file}.read("the kubeconfig");
  if (!text) return invalid_input(text.error().message);
  TRY(documents, parse_yaml(*text, file));
  for (const auto& document : documents) {
    merge_list(document, "clusters", "cluster", file, merged.clusters);
    merge_list(document, "users", "user", file, merged.users);
    merge_list(document, "contexts", "context", file, merged.contexts);
    if (merged.current_context.empty()) merged.current_context = document.text_at({"current-context"});
  }
  return {};
}

// What stands in the file as base64, or the file that is named; the text wins, as in client-go.
Result<TextSource> source_of(const Entry& entry, const std::string& key) {
  TextSource source;
  if (const auto data = entry.text(key + "-data"); !data.empty()) {
    const auto bytes = from_base64(data);
    if (!bytes || bytes->empty()) return refusal(entry, fmt::format("{}-data is not base64", key));
    source.text = *bytes;
  } else {
    source.file = entry.beside(entry.text(key));
  }
  return source;
}

Status refuse_unsupported(const Entry& entry,
                          std::initializer_list<std::pair<const char*, const char*>> keys) {
  for (const auto& [key, way_out] : keys) {
    const auto* const value = entry.node.find(key);
    if (value == nullptr || (value->text.empty() && value->members.empty() && value->items.empty())) continue;
    if (value->kind == YamlNode::Kind::kBoolean && value->integer == 0) continue;
    return refusal(entry, fmt::format("{} is not supported: {}", key, way_out));
  }
  return {};
}

Status take_cluster(const Entry& cluster, ClusterConfig& config) {
  TRY_OK(refuse_unsupported(cluster, {{"insecure-skip-tls-verify",
                                       "the server is always verified; give its CA in certificate-authority"},
                                      {"proxy-url", "name a server that is reached without a proxy"}}));
  auto url = parse_server_url(cluster.text("server"));
  if (!url) return refusal(cluster, url.error().message);
  config.host = url->host;
  config.port = url->port;
  config.base_path = url->path;
  config.server_name = cluster.text("tls-server-name");
  TRY(ca, source_of(cluster, "certificate-authority"));
  if (!ca.is_given()) {
    return refusal(cluster,
                   "no certificate-authority and no certificate-authority-data: the CA of the API server is "
                   "needed (for a public one, the file of this machine's CAs)");
  }
  config.ca = std::move(ca);
  return {};
}

Result<std::shared_ptr<CredentialSource>> plugin_of(const Entry& user, const YamlNode& exec,
                                                    const Entry& cluster, const ClusterConfig& config) {
  ExecPlugin plugin;
  plugin.origin = user.place();
  plugin.api_version = exec.text_at({"apiVersion"});
  plugin.command = exec.text_at({"command"});
  // A name with a slash is a file beside the kubeconfig, as in client-go; any other is looked up in PATH.
  if (plugin.command.find('/') != std::string::npos) plugin.command = user.beside(plugin.command);
  plugin.install_hint = exec.text_at({"installHint"});
  plugin.interactive_mode = exec.text_at({"interactiveMode"});
  if (const auto* const arguments = exec.find("args")) {
    plugin.arguments.reserve(arguments->items.size());
    for (const auto& argument : arguments->items) plugin.arguments.push_back(argument.text);
  }
  if (const auto* const environment = exec.find("env")) {
    for (const auto& pair : environment->items) {
      plugin.environment.emplace_back(pair.text_at({"name"}), pair.text_at({"value"}));
    }
  }
  if (exec.text_at({"provideClusterInfo"}) == "true") {
    plugin.cluster = ExecPlugin::Cluster{cluster.text("server"), config.server_name, config.ca};
  }
  return exec_credentials(std::move(plugin));
}

Result<std::shared_ptr<CredentialSource>> credentials_of(const Entry& user, const Entry& cluster,
                                                         const ClusterConfig& config) {
  constexpr auto kImpersonation = "impersonation is not done here; use the credentials of that user";
  TRY_OK(refuse_unsupported(
      user, {{"auth-provider", "Kubernetes removed it in 1.26; use an exec plugin"},
             {"username", "Kubernetes removed passwords in 1.19; use a token, a certificate or a plugin"},
             {"password", "Kubernetes removed passwords in 1.19; use a token, a certificate or a plugin"},
             {"as", kImpersonation},
             {"as-uid", kImpersonation},
             {"as-groups", kImpersonation},
             {"as-user-extra", kImpersonation}}));
  if (const auto* const exec = user.node.find("exec"); exec != nullptr && exec->is_map()) {
    return plugin_of(user, *exec, cluster, config);
  }
  FileCredentials::Sources sources;
  sources.token.file = user.beside(user.text("tokenFile"));  // wins over token, as in client-go
  if (sources.token.file.empty()) sources.token.text = user.text("token");
  TRY(certificate, source_of(user, "client-certificate"));
  TRY(key, source_of(user, "client-key"));
  if (certificate.is_given() != key.is_given()) {
    return refusal(user, certificate.is_given() ? "a client-certificate without client-key"
                                                : "a client-key without client-certificate");
  }
  if (!sources.token.is_given() && !certificate.is_given()) {
    return refusal(user, "no credentials: a token, a client-certificate or an exec plugin is needed");
  }
  sources.certificate = std::move(certificate);
  sources.key = std::move(key);
  return std::make_shared<FileCredentials>(std::move(sources));
}

Result<const Entry*> named(const std::map<std::string, Entry>& entries, const char* kind,
                           const std::string& name, const std::string& files) {
  const auto found = entries.find(name);
  if (found != entries.end()) return &found->second;
  std::vector<std::string> names;
  names.reserve(entries.size());
  for (const auto& [known, entry] : entries) names.push_back(known);
  return invalid_input(
      fmt::format("{}: there is no {} \"{}\"{}", files, kind, name,
                  names.empty() ? "" : fmt::format("; there are: {}", fmt::join(names, ", "))));
}

}  // namespace

Result<ClusterConfig> read_kubeconfig(const std::vector<std::string>& files, const std::string& context) {
  Merged merged;
  const bool several = files.size() > 1;
  for (const auto& file : files) TRY_OK(merge_file(file, several, merged));
  const auto all = fmt::format("{}", fmt::join(files, ":"));
  const auto& chosen = context.empty() ? merged.current_context : context;
  if (chosen.empty()) {
    return invalid_input(fmt::format("{}: no current-context: name one with --context", all));
  }
  TRY(entry, named(merged.contexts, "context", chosen, all));
  TRY(cluster, named(merged.clusters, "cluster", entry->text("cluster"), all));
  TRY(user, named(merged.users, "user", entry->text("user"), all));

  ClusterConfig config;
  config.origin = fmt::format("context {} of {}", chosen, entry->file);
  if (entry->has("namespace")) config.name_space = entry->text("namespace");
  TRY_OK(take_cluster(*cluster, config));
  TRY(credentials, credentials_of(*user, *cluster, config));
  config.credentials = std::move(credentials);
  return config;
}

}  // namespace rebalance
