#include "migrate/slot_commands.h"

#include <fmt/format.h>

#include <charconv>
#include <sstream>

namespace rebalance {
namespace {

// "[93->-id]" is migrating to id, "[93-<-id]" importing from it.
void read_mark(const std::string& token, OwnView& view) {
  const auto dash = token.find('-');
  if (dash == std::string::npos || token.size() < dash + 5) return;
  Slot slot = 0;
  if (std::from_chars(token.data() + 1, token.data() + dash, slot).ec != std::errc{}) return;
  const auto peer = token.substr(dash + 3, token.size() - dash - 4);
  (token[dash + 1] == '>' ? view.migrating : view.importing)[slot] = peer;
}

OwnView read_own_line(const std::string& line) {
  std::istringstream words(line);
  std::string word, address, flags;
  OwnView view;
  words >> view.id >> address >> flags;
  view.role = flags.find("slave") == std::string::npos ? Role::kPrimary : Role::kReplica;
  for (int skipped = 0; skipped < 5; ++skipped) words >> word;  // primary, ping, pong, epoch, link
  while (words >> word) {
    if (word.front() == '[') {
      read_mark(word, view);
      continue;
    }
    if (const auto slots = SlotSet::parse(word)) view.slots.add(*slots);
  }
  return view;
}

}  // namespace

Command setslot(Slot slot, const char* state, const NodeId& node) {
  return {"CLUSTER", "SETSLOT", std::to_string(slot), state, node};
}
Command setslot_stable(Slot slot) { return {"CLUSTER", "SETSLOT", std::to_string(slot), "STABLE"}; }
Command count_keys(Slot slot) { return {"CLUSTER", "COUNTKEYSINSLOT", std::to_string(slot)}; }
Command list_keys(Slot slot, std::int64_t limit) {
  return {"CLUSTER", "GETKEYSINSLOT", std::to_string(slot), std::to_string(limit)};
}
Command cluster_nodes() { return {"CLUSTER", "NODES"}; }

Result<OwnView> own_view(const Reply& reply) {
  if (reply.is_error())
    return error(ErrorCode::kRefused, fmt::format("CLUSTER NODES answered \"{}\"", reply.text));
  std::istringstream lines(reply.text);
  for (std::string line; std::getline(lines, line);) {
    if (line.find(" myself,") != std::string::npos) return read_own_line(line);
  }
  return error(ErrorCode::kInternal, "CLUSTER NODES has no line of the node itself");
}

std::string info_field(const Reply& reply, std::string_view field) {
  std::istringstream lines(reply.text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(field) || line.size() <= field.size() || line[field.size()] != ':') continue;
    auto value = line.substr(field.size() + 1);
    if (!value.empty() && value.back() == '\r') value.pop_back();
    return value;
  }
  return {};
}

}  // namespace rebalance
