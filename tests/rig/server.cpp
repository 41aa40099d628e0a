#include "rig/server.h"

#include <signal.h>

#include <sstream>
#include <stdexcept>

#include "rig/temp_folder.h"

namespace rig {
namespace {

constexpr auto kStartLimit = Milliseconds(30'000);
constexpr const char* kAdministrator = "rig-administrator";
constexpr const char* kAdministratorPassword = "only-for-tests-on-loopback";

bool has_users(const ServerOptions& options) { return !options.password.empty(); }

void write_users(std::ostream& out, const ServerVersion& version, const ServerOptions& options) {
  if (!has_users(options)) return;
  const std::string all = version.at_least(6, 2) ? "~* &* +@all" : "~* +@all";
  out << "user " << kAdministrator << " on >" << kAdministratorPassword << ' ' << all << '\n'
      << "masteruser " << kAdministrator << "\nmasterauth " << kAdministratorPassword << '\n';
  if (!options.user.empty()) out << "user default off\n";
  out << "user " << (options.user.empty() ? "default" : options.user) << " on >" << options.password << ' '
      << (options.acl.empty() ? all : options.acl) << '\n';
}

void write_ports(std::ostream& out, const ServerOptions& options, int port) {
  if (!options.tls) {
    out << "port " << port << '\n';
    return;
  }
  out << "port 0\ntls-port " << port << "\ntls-replication yes\n"
      << "tls-ca-cert-file " << options.tls->ca.string() << "\ntls-cert-file "
      << options.tls->certificate.string() << "\ntls-key-file " << options.tls->key.string() << '\n';
  if (options.cluster) out << "tls-cluster yes\n";
}

}  // namespace

Server::Server(ServerVersion version, std::filesystem::path folder, ServerOptions options)
    : version_(std::move(version)), folder_(std::move(folder)), options_(std::move(options)) {
  std::filesystem::create_directories(folder_);
  if (options_.memory_limit && cgroups_unavailable().empty())
    cgroup_ = std::make_unique<MemoryCgroup>(*options_.memory_limit);
  // Somebody else may take the port between finding and binding it.
  for (int attempt = 1;; ++attempt) {
    port_ = free_port();
    write_config();
    try {
      start();
      return;
    } catch (const std::runtime_error&) {
      if (attempt == 3 || log().find("Address already in use") == std::string::npos) throw;
    }
  }
}

Server::~Server() {
  if (process_) process_->kill_hard();
}

void Server::write_config() const {
  std::ostringstream out;
  write_ports(out, options_, port_);
  out << "bind " << options_.host << "\ndir " << folder_.string()
      << "\nlogfile \"\"\ndaemonize no\nsave \"\"\n"
      << "protected-mode no\nrepl-diskless-sync yes\nrepl-diskless-sync-delay 0\n"
      << "appendonly " << (options_.aof ? "yes" : "no") << '\n';
  if (options_.cluster)
    out << "cluster-enabled yes\ncluster-config-file nodes.conf\ncluster-node-timeout "
        << options_.node_timeout_ms << '\n';
  if (options_.debug && version_.at_least(7, 0)) out << "enable-debug-command yes\n";
  write_users(out, version_, options_);
  for (const auto& line : options_.config) out << line << '\n';
  write_file(folder_ / "redis.conf", out.str());
}

void Server::start() {
  ProcessOptions options;
  options.output = folder_ / "redis.log";
  if (cgroup_) options.cgroup_procs = cgroup_->procs();
  process_ = std::make_unique<Process>(
      std::vector<std::string>{version_.server.string(), (folder_ / "redis.conf").string()}, options);
  wait_until([this] { return answers() || !process_->running(); }, kStartLimit);
  if (process_->running() && answers()) return;
  process_->kill_hard();
  const std::string text = log();
  throw std::runtime_error(version_.name + " on port " + std::to_string(port_) +
                           " did not start; the end of its log: " +
                           text.substr(text.size() - std::min<size_t>(text.size(), 1500)));
}

bool Server::answers() const {
  try {
    return connect(Milliseconds(1000)).command({"PING"}).text == "PONG";
  } catch (const std::runtime_error&) {
    return false;
  }
}

int64_t Server::rss() const { return resident_bytes(pid()); }

std::string Server::log() const { return read_file(folder_ / "redis.log"); }

Endpoint Server::endpoint() const {
  Endpoint endpoint = client_endpoint();
  if (!has_users(options_)) return endpoint;
  endpoint.user = kAdministrator;
  endpoint.password = kAdministratorPassword;
  return endpoint;
}

Endpoint Server::client_endpoint() const {
  Endpoint endpoint{options_.host, port_, options_.user, options_.password, {}, {}, {}};
  if (options_.tls) {
    endpoint.ca = options_.tls->ca;
    endpoint.certificate = options_.tls->certificate;
    endpoint.key = options_.tls->key;
  }
  return endpoint;
}

void Server::stop() { process_->stop(); }
void Server::kill_hard() { process_->kill_hard(); }

void Server::restart() {
  process_->kill_hard();
  start();
}

void Server::pause() { process_->signal(SIGSTOP); }
void Server::resume() { process_->signal(SIGCONT); }

}  // namespace rig
