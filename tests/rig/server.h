// One real server on a port and in a folder of its own.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rig/cgroup.h"
#include "rig/client.h"
#include "rig/process.h"
#include "rig/versions.h"

namespace rig {

struct ServerTls {
  std::filesystem::path ca;
  std::filesystem::path certificate;
  std::filesystem::path key;
};

struct ServerOptions {
  bool cluster = true;
  bool aof = false;
  bool debug = false;  // DEBUG commands; before 7.0 they are always there
  std::string host = "127.0.0.1";
  std::optional<ServerTls> tls;  // the plain port is then closed
  // Of the client under test. With a password and no user it is the default user's. The rig itself and
  // replication then use an administrator of their own.
  std::string user;
  std::string password;
  std::string acl;                      // rights of `user`, for example "~* &* +@all"; empty: all
  std::optional<int64_t> memory_limit;  // bytes, by a control group; where none can be made it runs without
  int node_timeout_ms = 5000;
  std::vector<std::string> config;  // further lines of redis.conf
};

class Server {
 public:
  // Starts it below `folder`, which is made, and waits until it answers; throws with the end of its log if it
  // does not.
  Server(ServerVersion version, std::filesystem::path folder, ServerOptions options = {});
  ~Server();

  const ServerVersion& version() const { return version_; }
  const ServerOptions& options() const { return options_; }
  const std::filesystem::path& folder() const { return folder_; }
  int port() const { return port_; }
  const std::string& host() const { return options_.host; }
  pid_t pid() const { return process_->pid(); }
  bool running() { return process_ && process_->running(); }
  int64_t rss() const;                                    // bytes, of the server process
  MemoryCgroup* cgroup() const { return cgroup_.get(); }  // nothing when it runs without a limit
  std::string log() const;

  Endpoint endpoint() const;         // with all rights
  Endpoint client_endpoint() const;  // as the client under test connects
  Client connect(Milliseconds timeout = Milliseconds(15'000)) const { return Client(endpoint(), timeout); }
  Reply command(const Arguments& arguments) const { return connect().must(arguments); }

  void stop();       // SIGTERM: saves if it is set up to
  void kill_hard();  // SIGKILL
  void restart();    // on the same port and folder, running or not
  void pause();      // SIGSTOP
  void resume();     // SIGCONT

 private:
  void write_config() const;
  void start();
  bool answers() const;

  ServerVersion version_;
  std::filesystem::path folder_;
  ServerOptions options_;
  int port_ = 0;
  std::unique_ptr<MemoryCgroup> cgroup_;
  std::unique_ptr<Process> process_;
};

}  // namespace rig
