#include "rig/control_plane.h"

#include <signal.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "rig/versions.h"

namespace rig {
namespace {

namespace fs = std::filesystem;

constexpr auto kStartLimit = Milliseconds(180'000);
constexpr const char* kAdministratorToken = "administrator-only-for-tests-on-loopback";
constexpr const char* kResource = "redisrebalances.redisrebalance.io";

std::string tail_of(const fs::path& log) {
  const std::string text = read_file(log);
  return text.substr(text.size() - std::min<size_t>(text.size(), 1500));
}

std::string flag(const std::string& name, const std::string& value) { return "--" + name + "=" + value; }

// Starts it and waits; throws with the end of its log when it does not come up.
template <typename Condition>
std::unique_ptr<Process> started(const std::vector<std::string>& arguments, const fs::path& log,
                                 Condition ready) {
  auto process = std::make_unique<Process>(arguments, ProcessOptions{.output = log});
  if (wait_until([&] { return ready() || !process->running(); }, kStartLimit) && process->running())
    return process;
  process->kill_hard();
  throw std::runtime_error(arguments.front() + " did not start; the end of its log: " + tail_of(log));
}

// Somebody else may take a port between finding and binding it.
template <typename Start>
void with_free_port(const fs::path& log, Start start) {
  for (int attempt = 1;; ++attempt) {
    try {
      return start(free_port());
    } catch (const std::runtime_error&) {
      if (attempt == 3 || read_file(log).find("address already in use") == std::string::npos) throw;
    }
  }
}

bool answers(const HttpTarget& target, const std::string& path) {
  try {
    return http(target, "GET", path, "", "", Milliseconds(2000)).ok();
  } catch (const std::runtime_error&) {
    return false;
  }
}

}  // namespace

fs::path kube_tool(const std::string& name) {
  const char* assets = std::getenv("KUBEBUILDER_ASSETS");
  if (assets != nullptr && fs::exists(fs::path(assets) / name)) return fs::path(assets) / name;
  fs::path cached = cache_folder() / "kube" / "bin" / name;
  if (!fs::exists(cached))
    throw std::runtime_error(name + " is not there: scripts/kube-tools " + name + " gets it");
  return cached;
}

ControlPlane::ControlPlane(ControlPlaneOptions options)
    : options_(std::move(options)), ca_(folder_.path(), "kubernetes") {
  folder_.write("tokens.csv",
                std::string(kAdministratorToken) + ",administrator,administrator,system:masters\n");
  ca_.issue("apiserver",
            {.names = {"DNS:localhost", "DNS:kubernetes.default.svc", "IP:127.0.0.1", "IP:::1"}});
  ca_.issue("service-accounts", {.names = {}});
  ca_.issue("administrator", {.names = {}, .organization = "system:masters"});
  start_etcd();
  with_free_port(folder() / "apiserver.log", [this](int port) {
    port_ = port;
    start();
  });
  install_resource();
  if (options_.controllers) start_controllers();
}

// Hard: nothing of it is wanted any more.
ControlPlane::~ControlPlane() {
  for (Process* process : {controllers_.get(), api_server_.get(), etcd_.get()})
    if (process != nullptr) process->kill_hard();
}

ControlPlane& ControlPlane::shared() {
  static ControlPlane plane;
  return plane;
}

void ControlPlane::start_etcd() {
  const fs::path log = folder() / "etcd.log";
  with_free_port(log, [&](int port) {
    etcd_port_ = port;
    const std::string own = "http://127.0.0.1:" + std::to_string(port);
    etcd_ = started({kube_tool("etcd"), flag("data-dir", folder() / "etcd"), flag("listen-client-urls", own),
                     flag("advertise-client-urls", own), flag("listen-peer-urls", "http://127.0.0.1:0"),
                     "--unsafe-no-fsync", flag("log-level", "warn")},
                    log, [&] { return answers({.port = port}, "/health"); });
  });
}

void ControlPlane::start() {
  std::vector<std::string> arguments = {
      kube_tool("kube-apiserver"),
      flag("etcd-servers", "http://127.0.0.1:" + std::to_string(etcd_port_)),
      flag("bind-address", "127.0.0.1"),
      flag("advertise-address", "127.0.0.1"),
      flag("endpoint-reconciler-type", "none"),
      flag("secure-port", std::to_string(port_)),
      flag("tls-cert-file", folder() / "apiserver.crt"),
      flag("tls-private-key-file", folder() / "apiserver.key"),
      flag("client-ca-file", ca()),
      flag("token-auth-file", folder() / "tokens.csv"),
      flag("authorization-mode", "RBAC"),
      // It would wait for accounts that no controller makes.
      flag("disable-admission-plugins", "ServiceAccount"),
      flag("service-account-issuer", "https://kubernetes.default.svc"),
      flag("service-account-key-file", folder() / "service-accounts.crt"),
      flag("service-account-signing-key-file", folder() / "service-accounts.key"),
      flag("service-cluster-ip-range", "10.0.0.0/24"),
      flag("allow-privileged", "true"),
  };
  arguments.insert(arguments.end(), options_.api_server_flags.begin(), options_.api_server_flags.end());
  api_server_ = started(arguments, folder() / "apiserver.log", [this] { return ready(); });
}

bool ControlPlane::ready() const {
  return answers({.port = port_, .ca = ca(), .token = kAdministratorToken}, "/readyz");
}

void ControlPlane::start_controllers() {
  controllers_ = std::make_unique<Process>(
      std::vector<std::string>{kube_tool("kube-controller-manager"), flag("kubeconfig", kubeconfig()),
                               flag("service-account-private-key-file", folder() / "service-accounts.key"),
                               flag("root-ca-file", ca()), flag("use-service-account-credentials", "true"),
                               flag("leader-elect", "false"), flag("secure-port", "0"),
                               flag("controllers", "*,-nodeipam,-cloud-node-lifecycle-controller")},
      ProcessOptions{.output = folder() / "controllers.log"});
}

void ControlPlane::install_resource() const {
  const std::string path =
      "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/" + std::string(kResource);
  const KubeApi api = admin();
  api.apply(path, read_file(fs::path(SOURCE_FOLDER) / "crds" / "redisrebalances.yaml"));
  // Established comes a moment before the path itself is served.
  if (!wait_until([&] { return api.exists("/apis/redisrebalance.io/v1alpha1/redisrebalances"); },
                  kStartLimit))
    throw std::runtime_error("the API server does not serve RedisRebalance: " + api.get(path));
}

KubeApi ControlPlane::admin() const { return as(kAdministratorToken); }

KubeApi ControlPlane::as(const std::string& token) const {
  return KubeApi({.port = port_, .ca = ca(), .token = token});
}

fs::path ControlPlane::kubeconfig(const std::string& token) const {
  const std::string name = "token-" + std::to_string(std::hash<std::string>()(token));
  if (!token.empty()) return kubeconfig_with(folder_.write(name, token));
  return write_kubeconfig("administrator",
                          "client-certificate: " + (folder() / "administrator.crt").string() +
                              ", client-key: " + (folder() / "administrator.key").string());
}

fs::path ControlPlane::kubeconfig_with(const fs::path& token_file) const {
  const auto name = std::to_string(std::hash<std::string>()(token_file.string()));
  return write_kubeconfig("token-file-" + name, "tokenFile: " + token_file.string());
}

fs::path ControlPlane::write_kubeconfig(const std::string& name, const std::string& user) const {
  return folder_.write(name + ".kubeconfig",
                       "apiVersion: v1\nkind: Config\ncurrent-context: test\n"
                       "contexts:\n- {name: test, context: {cluster: test, user: test}}\n"
                       "clusters:\n- {name: test, cluster: {server: \"" +
                           url() + "\", certificate-authority: " + ca().string() +
                           "}}\nusers:\n- {name: test, user: {" + user + "}}\n");
}

std::string ControlPlane::new_namespace(const std::string& prefix) {
  const std::string name = prefix + "-" + std::to_string(++namespaces_);
  admin().create("/api/v1/namespaces", nlohmann::json{{"metadata", {{"name", name}}}}.dump());
  return name;
}

std::string ControlPlane::token_of(const std::string& name_space, const std::string& account,
                                   int seconds) const {
  const KubeApi api = admin();
  const std::string path = core_path(name_space, "serviceaccounts", account);
  if (!api.exists(path))
    api.create(core_path(name_space, "serviceaccounts"),
               nlohmann::json{{"metadata", {{"name", account}}}}.dump());
  const std::string answer =
      api.create(path + "/token", nlohmann::json{{"spec", {{"expirationSeconds", seconds}}}}.dump());
  return nlohmann::json::parse(answer).at("status").at("token");
}

void ControlPlane::apply_definitions(const std::filesystem::path& file) const {
  Finished done = kubectl({"apply", "--server-side", "-f", file});
  // One that has no status yet is an error of kubectl's wait.
  const auto established = [&] {
    done = kubectl({"wait", "--for=condition=Established", "--timeout=60s", "-f", file});
    return done.exit_code == 0;
  };
  if (done.exit_code == 0 && wait_until(established, Milliseconds(60'000))) return;
  throw std::runtime_error(file.filename().string() + ": " + done.err);
}

Finished ControlPlane::kubectl(const std::vector<std::string>& arguments, const std::string& input) const {
  std::vector<std::string> all = {kube_tool("kubectl"), flag("kubeconfig", kubeconfig()),
                                  flag("cache-dir", folder() / "kubectl")};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return run(all, {.input = input});
}

void ControlPlane::stop_api_server() { api_server_->stop(); }
void ControlPlane::kill_api_server() { api_server_->kill_hard(); }
void ControlPlane::start_api_server() { start(); }

void ControlPlane::restart_api_server() {
  api_server_->kill_hard();
  start();
}

void ControlPlane::pause_api_server() { api_server_->signal(SIGSTOP); }
void ControlPlane::resume_api_server() { api_server_->signal(SIGCONT); }
std::string ControlPlane::log() const { return read_file(folder() / "apiserver.log"); }

void ControlPlane::forget_history() {
  // The gateway of etcd speaks JSON; keys are base64, and AA== is the byte 0.
  const HttpTarget etcd{.port = etcd_port_, .ca = {}, .token = {}};
  const auto now =
      nlohmann::json::parse(http(etcd, "POST", "/v3/kv/range", R"({"key":"AA==","count_only":true})").body);
  const nlohmann::json request{{"revision", now.at("header").at("revision")}, {"physical", true}};
  const HttpAnswer answer = http(etcd, "POST", "/v3/kv/compaction", request.dump());
  if (!answer.ok()) throw std::runtime_error("etcd did not compact: " + answer.body);
  restart_api_server();
}

}  // namespace rig
