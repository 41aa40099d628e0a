// A real cluster for one test: made with CLUSTER commands (redis-cli would take seconds), agreed before it is
// used.
//
// Nodes are counted from 0: first the primaries that own slots, then the empty primaries, then the replicas
// of the first primary, of the second, and so on; what is added later comes last.
#pragma once

#include <array>
#include <map>
#include <memory>

#include "rig/certificates.h"
#include "rig/server.h"
#include "rig/temp_folder.h"
#include "rig/topology.h"

namespace rig {

struct ClusterOptions {
  int primaries = 3;
  int empty_primaries = 0;
  int replicas = 0;  // of each primary, empty ones as well
  ServerOptions server;
  // 127.0.0.10, 127.0.0.11 and so on, from which they speak to each other, too (Redis 7.0, Valkey).
  bool own_addresses = false;
  bool tls = false;  // with certificates of a CA of its own, see ca()
};

// What `redis-cli --cluster check` of the same version says: the independent judge.
struct Judgement {
  bool clean = false;
  std::string text;
};

class TestCluster {
 public:
  explicit TestCluster(const ServerVersion& version, ClusterOptions options = {});
  // In a folder of the caller's, which is left there.
  TestCluster(const ServerVersion& version, ClusterOptions options, std::filesystem::path folder);

  int size() const { return static_cast<int>(nodes_.size()); }
  int primaries() const { return options_.primaries + options_.empty_primaries; }
  Server& node(int index) { return *nodes_.at(static_cast<size_t>(index)); }
  const Server& node(int index) const { return *nodes_.at(static_cast<size_t>(index)); }
  const std::string& node_id(int index) const { return ids_.at(static_cast<size_t>(index)); }
  int index_of(const std::string& id) const;                    // -1: none
  const CertificateAuthority* ca() const { return ca_.get(); }  // of a TLS cluster
  const std::filesystem::path& folder() const { return folder_; }

  int asked() const;  // whom tests ask for the whole cluster: the first node that runs
  Endpoint seed() const { return node(asked()).endpoint(); }

  Reply command(int index, const Arguments& arguments) const { return node(index).command(arguments); }
  std::vector<NodeView> view_of(int index) const;

  // By the owners' own word; -1 for a slot that nobody owns. Throws when two own one.
  std::array<int, kSlots> owners() const;
  int owner_of(int slot) const { return owners()[static_cast<size_t>(slot)]; }
  int64_t slots_of(int index) const;
  int64_t keys_of(int index) const { return command(index, {"DBSIZE"}).integer; }

  int add_empty_primary();
  int add_empty_primary(const ServerVersion& version, const ServerOptions& options);
  int add_replica(int primary);  // of its version

  // Every running node sees every other, with the same owners and roles, replicas in sync, and the state is
  // ok.
  bool agreed() const;
  void wait_until_agreed(Milliseconds limit = Milliseconds(30'000)) const;  // throws with the views

  Judgement check() const;

 private:
  void create();
  int start_node(const ServerVersion& version, const ServerOptions& options);
  void introduce(int index);
  void replicate(int index, int primary);

  std::unique_ptr<TempFolder> own_folder_;
  std::filesystem::path folder_;
  ServerVersion version_;
  ClusterOptions options_;
  std::unique_ptr<CertificateAuthority> ca_;
  std::vector<std::unique_ptr<Server>> nodes_;
  std::vector<std::string> ids_;
};

// By that node's own word alone: while slots change hands, two may own one for a moment.
std::size_t slots_claimed_by(const TestCluster& cluster, int index);

}  // namespace rig
