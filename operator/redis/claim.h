// Who may write to a cluster: one executor at a time, and the servers themselves know who it is.
//
// A claim is a client name, carried by every connection of its executor:
//   redis-rebalance:<claiming|holding>:<holder>:<epoch seconds>:<random>
// Leases do not fence: a paused process wakes up and writes. So a new holder first ends every connection of
// an older claim on every node (CLIENT KILL ID) and sees them gone. It may do so only when the older claim is
// silent: none of its connections on any node sent a command for 15 s. A live claim means waiting.
//
// Two who come at once: each connects to all nodes as "claiming" before it lists any clients, so at least one
// sees the other. The smaller (epoch seconds, random) goes on, the other gives up. Who goes on renames itself
// to "holding" and lists once more, since the other may have come between; again the smaller stays.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "redis/connection.h"

namespace rebalance {

inline constexpr int kStaleAfterSeconds = 15;

struct ClaimName {
  enum class Phase { kClaiming, kHolding };
  Phase phase = Phase::kClaiming;
  std::string holder;      // letters, digits, '.', '_', '-'
  std::int64_t since = 0;  // epoch seconds
  std::string random;

  std::string text() const;
  static std::optional<ClaimName> parse(std::string_view client_name);
  bool same_claim(const ClaimName& other) const;  // in whatever phase
  bool before(const ClaimName& other) const;      // who goes on of two
};

// A connection of some claim, as CLIENT LIST of one node shows it.
struct ClaimedClient {
  std::size_t node = 0;  // index of the node in the list that acquire() was given
  std::string id;        // of CLIENT KILL ID
  ClaimName name;
  int idle_seconds = 0;
};

// Claimed connections in one CLIENT LIST.
std::vector<ClaimedClient> claimed_clients(std::size_t node, std::string_view client_list);

struct HeldBy {
  ClaimName name;
  int silent_seconds = 0;    // of its youngest connection
  std::string text() const;  // "held by ci-42 since 2026-08-01T10:00:00Z, last heard of 1 s ago"
};

struct GoOn {
  std::vector<ClaimedClient> stale;  // to be ended first, on every node
};

// The rule, pure: `seen` holds the claimed connections of all nodes, our own among them.
std::variant<GoOn, HeldBy> decide_claim(const ClaimName& own, const std::vector<ClaimedClient>& seen);

class Claim {
 public:
  // Takes the claim on all of `nodes` (client_name of the options is replaced), or says who has it. Stale
  // claims are taken over. An error: a node cannot be asked, so nothing is claimed. CLIENT LIST costs the
  // server about 3 us a client. `holder` is made to fit: other characters become '-'.
  static Result<std::variant<Claim, HeldBy>> acquire(std::span<const ConnectOptions> nodes,
                                                     const std::string& holder);

  // For every further connection that writes: ConnectOptions::client_name.
  const std::string& client_name() const { return client_name_; }

  // A connection that carries the claim, made only if nobody else holds the cluster: what a reconnect uses,
  // since a process that slept may have lost its claim meanwhile. kConflict: somebody else holds it.
  Result<Connection> open(ConnectOptions options) const;

  // A claimed command on every node, to be called each second; lost connections are made again with open().
  // kConflict: the claim is lost, stop writing. Any other error: a node cannot be reached, the claim stands
  // on the others.
  Status keep_alive();

  // Ends the claim's own connections (those of client_name() elsewhere are their owners'). The destructor
  // does the same.
  void release() { links_.clear(); }

 private:
  struct Link {
    ConnectOptions options;
    std::optional<Connection> connection;
  };
  Claim(ClaimName name, std::vector<Link> links);
  static Result<Claim> connect_all(std::span<const ConnectOptions> nodes, const ClaimName& name);
  Result<std::vector<ClaimedClient>> list();
  Status end(const std::vector<ClaimedClient>& stale);
  Status hold();
  Status revive(Link& link) const;

  ClaimName name_;
  std::string client_name_;
  std::vector<Link> links_;
};

}  // namespace rebalance
