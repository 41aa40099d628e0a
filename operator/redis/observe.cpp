#include "redis/observe.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <iterator>
#include <span>
#include <thread>
#include <type_traits>
#include <utility>

#include "base/text.h"
#include "model/convergence.h"
#include "redis/parse.h"

namespace rebalance {
namespace {

constexpr std::size_t kMostThreads = 16;
constexpr Version kLargerBacklog{ServerKind::kValkey, 8, 1, 0};

// The first round trip, in the order of FirstLook.
const std::vector<Args>& first_questions() {
  static const std::vector<Args> questions{
      {"CLUSTER", "MYID"},
      {"INFO"},
      {"CLUSTER", "INFO"},
      {"CLUSTER", "NODES"},
      {"ROLE"},
      {"CONFIG", "GET", "save"},
      {"CONFIG", "GET", "cluster-node-timeout"},
      {"CONFIG", "GET", "cluster-allow-replica-migration"},
      {"CONFIG", "GET", "cluster-migration-barrier"},
      {"CONFIG", "GET", "cluster-require-full-coverage"},
      {"CONFIG", "GET", "repl-backlog-size"},
      {"CONFIG", "GET", "client-output-buffer-limit"},
      {"CONFIG", "GET", "stop-writes-on-bgsave-error"},
      {"CLIENT", "LIST", "TYPE", "replica"},
  };
  return questions;
}
enum FirstLook {
  kMyId,
  kInfo,
  kClusterInfo,
  kClusterNodes,
  kRole,
  kSave,
  kNodeTimeout,
  kReplicaMigration,
  kMigrationBarrier,
  kFullCoverage,
  kBacklog,
  kBufferLimit,
  kStopWrites,
  kReplicaLinks
};

// The second one asks only what the version knows.
std::vector<Args> later_questions(const Version& version) {
  std::vector<Args> questions;
  const bool valkey = version.kind == ServerKind::kValkey;
  if (valkey || version.major >= 7) {
    questions.push_back({"FUNCTION", "LIST"});
    questions.push_back({"LATENCY", "HISTOGRAM"});
  }
  if (valkey && version.major >= 9) questions.push_back({"CLUSTER", "GETSLOTMIGRATIONS"});
  if (!valkey && (version.major > 8 || (version.major == 8 && version.minor >= 4))) {
    questions.push_back({"CLUSTER", "MIGRATION", "STATUS", "ALL"});
  }
  return questions;
}

// Rights of the engine LiveCopy, each with a command that changes nothing. None of Redis 8.4 and later, which
// has better.
struct LiveRight {
  Args question;
  const char* right;
};
const std::vector<LiveRight>& live_rights() {
  static const std::vector<LiveRight> rights{
      {{"CLIENT", "ID"}, "+client|id"},
      {{"CLIENT", "TRACKING", "OFF"}, "+client|tracking"},
      {{"UNWATCH"}, "+watch +unwatch"},
      {{"UNSUBSCRIBE", "__redis__:invalidate"}, "+subscribe +unsubscribe &__redis__:invalidate"},
      {{"WAIT", "0", "1"}, "+wait"},
      {{"EVAL", "return 1", "0"}, "+eval"},
      {{"EXISTS", "k"}, "+exists +unlink"},
      {{"HSCAN", "k", "0"}, "+hscan +hlen +hset"},
      {{"HPEXPIRETIME", "k", "FIELDS", "1", "f"}, "+hpexpiretime +hpexpireat"},  // unknown before 7.4
      {{"SSCAN", "k", "0"}, "+sscan +scard +sadd"},
      {{"ZSCAN", "k", "0"}, "+zscan +zcard +zadd"},
      {{"LRANGE", "k", "0", "0"}, "+lrange +llen +rpush"},
      {{"GETRANGE", "k", "0", "0"}, "+getrange +strlen +append"},
  };
  return rights;
}

bool may_copy_live(const Version& version) {
  const std::pair minor{version.major, version.minor};
  return version.kind == ServerKind::kRedis && minor >= std::pair(6, 2) && minor < std::pair(8, 4);
}

class Look {
 public:
  Look(Connection& connection, PodName pod) : connection_(connection) { node_.pod = std::move(pod); }

  Result<NodeState> run() {
    TRY(replies, connection_.pipeline(first_questions()));
    TRY_OK(must_answer(replies));
    TRY_OK(read_topology(replies));
    read_server(Info(std::move(replies[kInfo].text)));
    read_config(replies);
    // Refused: what was replicated tells enough.
    node_.replication.link_seconds = oldest_client(replies[kReplicaLinks].text);
    TRY_OK(ask_more());
    node_.round_trip_micros = connection_.round_trip().count();
    return std::move(node_);
  }

  std::vector<Finding> findings;

 private:
  // What nothing can be decided without.
  Status must_answer(const std::vector<Reply>& replies) const {
    for (const auto question : {kInfo, kMyId, kClusterInfo, kClusterNodes, kRole}) {
      const auto& reply = replies[question];
      if (!reply.is_error()) continue;
      const std::string where = connection_.endpoint().text();
      if (reply.text.find("cluster support disabled") != std::string::npos) {
        return error(ErrorCode::kRefused,
                     fmt::format("{} is no cluster node: cluster-enabled is off", where));
      }
      return error(reply.is_error("LOADING") ? ErrorCode::kUnavailable : ErrorCode::kRefused,
                   fmt::format("{} does not answer {}: {}", where,
                               fmt::join(first_questions()[question], " "), reply.text));
    }
    return {};
  }

  Status read_topology(std::vector<Reply>& replies) {
    node_.id = replies[kMyId].text;
    node_.host = connection_.endpoint().host;
    node_.port = connection_.endpoint().port;
    const Info cluster(std::move(replies[kClusterInfo].text));
    node_.cluster_state_ok = cluster.text("cluster_state") == "ok";
    node_.current_epoch = cluster.number("cluster_current_epoch");
    node_.my_epoch = cluster.number("cluster_my_epoch");
    TRY(role, parse_role(replies[kRole]));
    node_.role = role.role;
    node_.primary_link_up = role.link_up;
    node_.replication_offset = role.offset;
    TRY(view, parse_cluster_nodes(replies[kClusterNodes].text));
    node_.view = std::move(view);
    for (const auto& own : node_.view.nodes) {
      if (own.myself) read_own_line(own);
    }
    return {};
  }

  void read_own_line(const Gossip& own) {
    node_.primary = own.primary;
    node_.slots = own.slots;
    node_.announced_host = own.host;
    node_.announced_port = own.port;
  }

  void read_server(const Info& info) {
    node_.version = parse_version(info);
    node_.memory = parse_memory(info);
    node_.load = parse_load(info);
    node_.persistence = parse_persistence(info);
    node_.replication = parse_replication(info);
    node_.replicas = parse_replicas(info);
    node_.modules = parse_modules(info);
    node_.run_id = info.text("run_id");
    node_.uptime_seconds = info.number("uptime_in_seconds");
    node_.loading = info.flag("loading") || info.flag("async_loading");
    node_.cluster_enabled = info.flag("cluster_enabled");
    node_.aof_enabled = info.flag("aof_enabled");
    node_.child_running = !node_.persistence.child.empty();
    if (info.has("maxmemory_policy")) node_.maxmemory_policy = info.text("maxmemory_policy");
    for (int database = 0; database < 16; ++database) {  // Valkey 9 has several in a cluster
      const auto keys = inner_field(info.text(fmt::format("db{}", database)), "keys");
      node_.keys += whole_number<std::int64_t>(keys).value_or(0);
    }
  }

  void read_config(std::span<const Reply> replies) {
    node_.save_points = replies[kSave].is_error() || !config(replies, kSave).empty();  // on by default
    node_.persistence.stops_writes = config(replies, kStopWrites) != "no";
    node_.allow_replica_migration = config(replies, kReplicaMigration) != "no";
    node_.full_coverage = config(replies, kFullCoverage) != "no";
    const bool larger = node_.version.kind == ServerKind::kValkey && node_.version >= kLargerBacklog;
    if (larger) node_.replication.backlog = 10 * kMiB;  // its default
    const auto take = [&](FirstLook question, auto& number) {
      using Number = std::remove_reference_t<decltype(number)>;
      number = whole_number<Number>(config(replies, question)).value_or(number);
    };
    take(kNodeTimeout, node_.cluster_node_timeout_millis);
    take(kMigrationBarrier, node_.migration_barrier);
    take(kBacklog, node_.replication.backlog);
    read_buffer_limit(config(replies, kBufferLimit), node_.replication);
  }

  // The one value that the question asked for; empty where it was refused.
  std::string config(std::span<const Reply> replies, FirstLook question) {
    const auto& name = first_questions()[question].back();
    if (!replies[question].is_error()) return parse_config(replies[question])[name];
    cannot_read(fmt::format("CONFIG GET {}", name), replies[question].text, "+config|get");
    return {};
  }

  // In one round trip: every look pays for it.
  Status ask_more() {
    const auto later = later_questions(node_.version);
    auto questions = later;
    if (may_copy_live(node_.version)) {
      for (const auto& each : live_rights()) questions.push_back(each.question);
    }
    if (questions.empty()) return {};
    TRY(replies, connection_.pipeline(questions));
    const std::span all(replies);
    read_more(later, all.first(later.size()));
    read_live_rights(all.subspan(later.size()));
    return {};
  }

  void read_more(const std::vector<Args>& questions, std::span<const Reply> replies) {
    for (std::size_t i = 0; i < replies.size(); ++i) {
      const std::string command = fmt::format("{}", fmt::join(questions[i], " "));
      const std::string right = fmt::format("+{}|{}", questions[i][0], questions[i][1]);
      if (questions[i][0] == "LATENCY") {  // refused: our own probes tell enough
        node_.load.lasted = parse_histogram(replies[i]);
      } else if (replies[i].is_error()) {
        node_.atomic_denied = node_.atomic_denied || questions[i][0] == "CLUSTER";
        cannot_read(command, replies[i].text, right);
      } else if (questions[i][0] == "FUNCTION") {
        node_.functions = static_cast<int>(replies[i].items.size());
      } else {
        node_.atomic_tasks = count_atomic_tasks(replies[i]);
      }
    }
  }

  void read_live_rights(std::span<const Reply> replies) {
    for (std::size_t i = 0; i < replies.size(); ++i) {
      if (!replies[i].is_error("NOPERM")) continue;
      node_.live_denied += (node_.live_denied.empty() ? "" : " ") + std::string(live_rights()[i].right);
    }
  }

  void cannot_read(const std::string& command, const std::string& why, const std::string& right) {
    findings.push_back({Severity::kWarning, "CannotRead", node_.pod,
                        fmt::format("{} is refused: {}", command, why),
                        fmt::format("give the user {}; until then the server's default is assumed", right)});
  }

  Connection& connection_;
  NodeState node_;
};

// What one node gave: a state, or the reason why not.
struct Seen {
  Result<NodeState> node = error(ErrorCode::kInternal, "not looked at");
  std::vector<Finding> findings;
};

Seen look_at(const NodeAccess& access) {
  Seen seen;
  if (access.connection != nullptr && !access.connection->broken()) {
    seen.node = observe_node(*access.connection, access.pod, &seen.findings);
    return seen;
  }
  auto connection = Connection::open(access.connect);
  seen.node = connection ? observe_node(*connection, access.pod, &seen.findings)
                         : Result<NodeState>(std::unexpected(connection.error()));
  return seen;
}

std::vector<Seen> look_at_all(std::span<const NodeAccess> accesses) {
  std::vector<Seen> seen(accesses.size());
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < accesses.size(); i = next++) seen[i] = look_at(accesses[i]);
  };
  std::vector<std::jthread> threads;
  while (threads.size() + 1 < std::min(accesses.size(), kMostThreads)) threads.emplace_back(work);
  work();
  threads.clear();  // joins
  return seen;
}

Finding unreachable(const PodName& pod, const Error& why) {
  if (why.message.find("LOADING") != std::string::npos) {
    return {Severity::kBlocker, "Loading", pod, why.message, "wait until it has read its data from disk"};
  }
  return {Severity::kBlocker, "NodeUnreachable", pod, why.message,
          "every node must be seen before anything moves: bring it back, or correct address, port or "
          "credentials"};
}

}  // namespace

Result<NodeState> observe_node(Connection& connection, const PodName& pod, std::vector<Finding>* findings) {
  Look look(connection, pod);
  auto node = look.run();
  if (findings != nullptr) std::ranges::move(look.findings, std::back_inserter(*findings));
  return node;
}

ClusterState observe_cluster(std::span<const NodeAccess> accesses) {
  ClusterState cluster;
  auto all = look_at_all(accesses);
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::ranges::move(all[i].findings, std::back_inserter(cluster.findings));
    if (all[i].node) {
      cluster.nodes.push_back(std::move(*all[i].node));
    } else {
      cluster.findings.push_back(unreachable(accesses[i].pod, all[i].node.error()));
    }
  }
  std::ranges::sort(cluster.nodes, {}, &NodeState::id);
  std::ranges::move(examine(cluster), std::back_inserter(cluster.findings));
  return cluster;
}

Result<MemoryReading> read_memory(Connection& connection) {
  const std::vector<Args> questions{{"INFO", "memory"}, {"INFO", "stats"}};
  TRY(replies, connection.pipeline(questions));
  std::string text;
  for (const auto& reply : replies) {
    if (reply.is_error())
      return error(ErrorCode::kRefused, connection.endpoint().text() + ": INFO: " + reply.text);
    text += reply.text + "\r\n";
  }
  return parse_memory(Info(std::move(text)));
}

}  // namespace rebalance
