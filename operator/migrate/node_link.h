// A connection to one member of the cluster that is known to be the right node in the right life.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "migrate/runner.h"

namespace rebalance {

// Used by one thread. Every connect checks CLUSTER MYID, and that run_id is the one of the first connect.
class NodeLink {
 public:
  NodeLink(Member member, int attempts) : member_(std::move(member)), attempts_(attempts) {}

  // Tries `attempts` times with growing pauses while the node is away or loads its data. kUnavailable: away,
  // or it restarted; kConflict: another node answers there; kRefused: credentials.
  Status connect(const std::stop_token& stop);
  // find_big_keys() of the node, bytes of the biggest by slot.
  Result<std::map<Slot, Bytes>> biggest_keys(const SlotSet& slots, Bytes threshold);
  // As Connection::pipeline has it; a broken connection stays broken until connect().
  Result<std::vector<Reply>> send(std::span<const Command> commands, Millis timeout);

  // One of the other connections, opened where it is not: nullptr never. As connect() has the errors.
  Result<Connection*> over(Channel channel);
  void close_channels() { channels_.clear(); }  // those besides kData

  bool connected() const { return connection_ && !connection_->broken(); }
  const Member& member() const { return member_; }
  const std::string& run_id() const { return run_id_; }
  bool tells_expiry() const { return tells_expiry_; }  // PEXPIRETIME, from 7.0 on

 private:
  Status try_once();
  Result<Connection> open_checked();
  Result<std::vector<Reply>> send_side_by_side(std::span<const Command> commands, Millis timeout);
  Error lost(const Error& problem);
  Member member_;
  int attempts_;
  std::string run_id_;
  bool tells_expiry_ = false;
  std::optional<Connection> connection_;
  std::map<Channel, Connection> channels_;
  // Valkey from 8.0 on answers a SETSLOT when its replicas have it. Measured with a replica: 200 of them take
  // 0.48 s one after the other, 0.12 s over 16 connections.
  bool waits_for_replicas_ = false;
  std::vector<Connection> beside_;  // for those
};

}  // namespace rebalance
