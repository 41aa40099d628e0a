#include "rig/topology.h"

#include <sstream>

namespace rig {
namespace {

uint16_t crc16(std::string_view text) {  // XMODEM
  uint16_t crc = 0;
  for (const char c : text) {
    crc = static_cast<uint16_t>(crc ^ (static_cast<unsigned char>(c) << 8));
    for (int bit = 0; bit < 8; ++bit)
      crc = static_cast<uint16_t>((crc << 1) ^ ((crc & 0x8000) != 0 ? 0x1021 : 0));
  }
  return crc;
}

// "id host:port@bus[,name] flags primary ping pong epoch link ranges..."; an IPv6 host has no brackets.
NodeView parsed(const std::string& line) {
  std::istringstream in(line);
  NodeView view;
  std::string address;
  std::string skip;
  std::string link;
  in >> view.id >> address >> view.flags >> view.primary >> skip >> skip >> view.epoch >> link;
  address = address.substr(0, address.find('@'));
  const auto colon = address.rfind(':');
  view.host = address.substr(0, colon);
  if (colon != std::string::npos && colon + 1 < address.size())
    view.port = std::stoi(address.substr(colon + 1));
  if (view.primary == "-") view.primary.clear();
  view.connected = link == "connected";
  for (std::string entry; in >> entry;)
    (entry.starts_with('[') ? view.open : view.slots).append(entry).append(" ");
  return view;
}

}  // namespace

int key_slot(std::string_view key) {
  if (const auto open = key.find('{'); open != std::string_view::npos) {
    const auto close = key.find('}', open + 1);
    if (close != std::string_view::npos && close > open + 1) key = key.substr(open + 1, close - open - 1);
  }
  return crc16(key) % kSlots;
}

std::vector<NodeView> parse_nodes(const std::string& cluster_nodes) {
  std::istringstream in(cluster_nodes);
  std::vector<NodeView> views;
  for (std::string line; std::getline(in, line);)
    if (!line.empty()) views.push_back(parsed(line));
  return views;
}

std::vector<int> slots_in(const std::string& ranges) {
  std::istringstream in(ranges);
  std::vector<int> slots;
  for (std::string range; in >> range;) {
    const auto dash = range.find('-');
    const int from = std::stoi(range);
    const int to = dash == std::string::npos ? from : std::stoi(range.substr(dash + 1));
    for (int slot = from; slot <= to; ++slot) slots.push_back(slot);
  }
  return slots;
}

Topology Topology::read(const Endpoint& seed) {
  Topology topology;
  topology.owner.fill(-1);
  for (const auto& view : parse_nodes(Client(seed).must({"CLUSTER", "NODES"}).text)) {
    if (!view.flags.contains("master")) continue;
    Endpoint endpoint = seed;
    if (!view.host.empty()) endpoint.host = view.host;  // a node that never met another does not know its own
    endpoint.port = view.port;
    for (const int slot : slots_in(view.slots))
      topology.owner[static_cast<size_t>(slot)] = static_cast<int>(topology.primaries.size());
    topology.primaries.push_back(endpoint);
  }
  return topology;
}

}  // namespace rig
