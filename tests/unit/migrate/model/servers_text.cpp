// One state of the servers, one text.
#include "servers.h"

namespace rebalance::model {

namespace {

void write(std::string& out, const std::string& text) { out += text + ' '; }
void write(std::string& out, const Keys& keys) {
  for (const auto& [key, value] : keys)
    out += key + '=' + value.text + '@' + std::to_string(value.expires_at) + ' ';
  out += '|';
}
void write(std::string& out, const Reply& reply) {
  out += reply.text + std::to_string(reply.integer) + (reply.is_nil() ? "-" : "(");
  for (const auto& item : reply.items) write(out, item);
}
void write(std::string& out, const std::map<Slot, NodeId>& marks) {
  for (const auto& [slot, node] : marks) out += std::to_string(slot) + ':' + node + ' ';
  out += '|';
}

}  // namespace

std::string Servers::text() const {
  std::string out = std::to_string(now + 10 * now_in_script) + '/';
  for (const auto& [id, server] : nodes_) {
    write(out, id);
    write(out, server.keys);
    for (const auto* marks : {&server.owner, &server.migrating, &server.importing}) write(out, *marks);
    for (const auto& [key, ids] : server.tracked) {
      write(out, key);
      for (const int reader : ids) write(out, std::to_string(reader));
    }
    write(out, server.replica);
    for (const auto& batch : server.unsent) {
      for (const auto& [key, value] : batch) {
        write(out, key);
        if (value) write(out, value->text + '@' + std::to_string(value->expires_at));
      }
      out += ';';
    }
  }
  for (const auto& [id, connection] : connections_) {
    if (!connection.alive) continue;
    out += '#' + std::to_string(id) + (connection.dirty ? "d" : "") + (connection.asking ? "a" : "") +
           (connection.ours ? "o" : "") + std::to_string(connection.redirect) + ' ';
    for (const auto& command : connection.inbox) {
      for (const auto& argument : command) out += argument.size() < 60 ? argument + ' ' : std::string("* ");
    }
    for (const auto& command : connection.queue.value_or(std::vector<Command>())) write(out, command[0]);
    for (const auto& [key, was_expired] : connection.watched) out += key + (was_expired ? "e" : "w");
    for (const auto* replies : {&connection.replies, &connection.mail, &connection.told}) {
      for (const auto& reply : *replies) write(out, reply);
      out += ';';
    }
  }
  return out;
}

}  // namespace rebalance::model
