// A cluster as a client sees it: who serves which slot, from one node's CLUSTER NODES.
#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "rig/client.h"

namespace rig {

constexpr int kSlots = 16384;

// CRC16 of the key, or of what its first {} holds, modulo 16384 (redis.io, cluster specification).
int key_slot(std::string_view key);

struct NodeView {  // a line of CLUSTER NODES
  std::string id;
  std::string host;
  int port = 0;
  std::string flags;
  std::string primary;  // of a replica
  int64_t epoch = 0;
  std::string slots;  // "0-5460 7000 ", open ones not included
  std::string open;   // "[93-<-id] " entries
  bool connected = false;
};

std::vector<NodeView> parse_nodes(const std::string& cluster_nodes);

// The slots of NodeView::slots, one by one.
std::vector<int> slots_in(const std::string& ranges);

struct Topology {
  std::vector<Endpoint> primaries;  // all, also those without a slot
  std::array<int, kSlots> owner{};  // index into primaries; -1: nobody

  // From the view of `seed`, whose credentials the others share. Nodes announce what loopback reaches.
  static Topology read(const Endpoint& seed);
};

}  // namespace rig
