// Two servers in memory with what live copy speaks (tracking, WATCH, the hand-over, marks), the clients that
// write meanwhile, and connections that end in the middle.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "migrate/engine.h"
#include "redis/key_slot.h"

namespace rebalance {

class LivePair {
 public:
  struct Key {
    std::string value;
    std::int64_t expires_at = -1;
    bool operator==(const Key&) const = default;
  };
  using Keys = std::map<std::string, Key>;
  struct Node {
    std::string id;
    SlotSet owned;
    std::map<Slot, std::string> migrating, importing;
    Keys keys;
  };

  LivePair() {
    source.id = "A";
    target.id = "B";
    source.owned = SlotSet::parse("0-16000").value();
    target.owned = SlotSet::parse("16001-16383").value();
  }

  Node source, target;
  std::map<std::string, std::int64_t> sizes;  // MEMORY USAGE, where it is not 100
  // TYPE, where it is no string: of "set" and "list" values are elements with commas between them.
  std::map<std::string, std::string> types;
  std::set<std::string> read_whole;  // keys that were read whole
  std::function<void(const Ask&)> before_each = [](const Ask&) {};
  std::string refused_restore, refused_unlink;  // the server's words
  int acknowledging_replicas = 0, pauses = 0, kills = 0;
  bool refuses_unpause = false;
  std::string target_queues_nothing;  // for a transaction: the server's words, as above maxmemory
  bool mail_late = false;  // what is lost after sending runs later, unless its connection is killed first

  // ---- clients, who go where they are sent ----
  void set(const std::string& name, const std::string& value, std::int64_t expires_at = -1) {
    Node& node = serving(name);
    node.keys[name] = {value, expires_at};
    if (&node == &source) touch(name);
  }
  void remove(const std::string& name) {
    Node& node = serving(name);
    node.keys.erase(name);
    if (&node == &source) touch(name);
  }
  // The target loses a copy.
  void evict(const std::string& name) { target.keys.erase(name); }
  void change_silently(const std::string& name, const std::string& value) { source.keys[name].value = value; }
  void flush_source() {
    if (!source.keys.empty()) watch_broken_ = true;
    source.keys.clear();
    tracked_.clear();
    messages_.push_back(Reply::array({Reply::string("message"), Reply::string("c"), Reply::nil()}));
  }
  // Another node has the source's slots and its data.
  void fail_over_source() {
    source.owned = {};
    source.migrating.clear();
    moved_ = true;
  }
  Keys seen_by_clients() {
    Keys all;
    for (const auto* node : {&source, &target}) {
      for (const auto& [name, key] : node->keys) {
        if (&serving(name) == node) all[name] = key;
      }
    }
    return all;
  }
  bool closed() const {
    return source.migrating.empty() && source.importing.empty() && target.migrating.empty() &&
           target.importing.empty();
  }
  // Copies that no client is sent to.
  int staged() {
    int staged = 0;
    for (const auto& [name, key] : target.keys) staged += &serving(name) == &target ? 0 : 1;
    return staged;
  }

  // ---- the driver ----
  Answer answer(const Ask& ask) {
    before_each(ask);
    return run(ask);
  }
  // Nothing comes back; `sent`: it arrived.
  void lose(const Ask& ask, bool sent) {
    before_each(ask);
    if (sent && mail_late) {
      late_.push_back(ask);
    } else if (sent) {
      run(ask);
    }
    watched_.clear();
    queues_.clear();
    subscribed_ = false;
    tracked_.clear();
    messages_.clear();
    ids_ += 10;  // every connection is a new one
  }
  void deliver_late() {
    for (const auto& ask : std::exchange(late_, {})) run(ask);
  }

 private:
  Answer run(const Ask& ask) {
    Answer answer;
    answer.elapsed = std::chrono::microseconds(500);
    if (ask.side == Side::kOthers) return answer;
    bool told = ask.channel == Channel::kMessages;
    for (const auto& command : ask.commands) answer.replies.push_back(reply(ask.side, ask.channel, command));
    for (const auto& part : ask.beside) {
      auto& replies = answer.beside.emplace_back();
      for (const auto& command : part.commands) replies.push_back(reply(part.side, part.channel, command));
      told = told || part.channel == Channel::kMessages;
    }
    if (told) answer.messages = std::exchange(messages_, {});
    return answer;
  }

  Node& serving(const std::string& name) {
    const auto slot = key_slot(name);
    if (target.owned.contains(slot)) return target;
    return source.migrating.contains(slot) && !source.keys.contains(name) ? target : source;
  }

  void touch(const std::string& name) {
    if (watched_.contains(name)) watch_broken_ = true;
    if (tracked_.erase(name) == 0 || !subscribed_) return;
    messages_.push_back(
        Reply::array({Reply::string("message"), Reply::string("c"), Reply::array({Reply::string(name)})}));
  }

  Reply reply(Side side, Channel channel, const Command& command) {
    const auto& name = command[0];
    auto& queue = queues_[side];
    if (side == Side::kSource && moved_ && (name == "EXEC" || name == "WATCH" || name == "DUMP")) {
      queue.reset();
      return Reply::error("MOVED 1 127.0.0.1:7009");
    }
    if (queue && side == Side::kTarget && !target_queues_nothing.empty()) {
      if (name != "EXEC") return Reply::error(target_queues_nothing);
      queue.reset();
      return Reply::error("EXECABORT Transaction discarded because of previous errors.");
    }
    if (queue && name != "EXEC") {
      queue->push_back(command);
      return Reply::status("QUEUED");
    }
    if (name == "MULTI") {
      queue.emplace();
      return Reply::status("OK");
    }
    if (name == "EXEC") return side == Side::kSource ? exec() : take_slots();
    if (name == "CLUSTER") return cluster(side == Side::kSource ? source : target, command);
    if (name == "CLIENT") return client(side, channel, command);
    if (name == "WATCH") {
      for (std::size_t i = 2; i < command.size(); ++i)
        EXPECT_EQ(key_slot(command[i]), key_slot(command[1])) << "CROSSSLOT";
      watched_.insert(command.begin() + 1, command.end());
      return Reply::status("OK");
    }
    if (name == "UNWATCH") {
      watched_.clear();
      watch_broken_ = false;
      return Reply::status("OK");
    }
    if (name == "SUBSCRIBE") subscribed_ = true;
    if (name == "TIME") return Reply::array({Reply::string("1000"), Reply::string("0")});
    if (name == "WAIT") return Reply::number(acknowledging_replicas);
    if (name == "EVAL") return Reply::number(1);
    if (name == "PING" || name == "SUBSCRIBE" || name == "ASKING") return Reply::status("OK");
    return on_key(side == Side::kSource ? source : target, command);
  }

  Reply on_key(Node& node, const Command& command) {
    const auto& name = command[0];
    const auto& key = name == "MEMORY" ? command[2] : command[1];
    const auto found = node.keys.find(key);
    const bool there = found != node.keys.end();
    if (&node == &target) return on_copy(command);
    if (name == "EXISTS") return Reply::number(there ? 1 : 0);
    tracked_.insert(key);
    const auto expected = name[0] == 'S' && name[1] != 'T' ? "set" : name[0] == 'L' ? "list" : "string";
    const bool of_type = name == "SSCAN" || name == "SCARD" || name == "LRANGE" || name == "LLEN" ||
                         name == "GETRANGE" || name == "STRLEN";
    if (of_type && there && type_of(key) != expected)
      return Reply::error("WRONGTYPE Operation against a key");
    if (name == "MEMORY") return there ? Reply::number(sizes.contains(key) ? sizes[key] : 100) : Reply::nil();
    if (name == "TYPE") return Reply::status(there ? type_of(key) : "none");
    if (name == "PEXPIRETIME") return Reply::number(there ? found->second.expires_at : -2);
    if (name != "DUMP") return piece(there ? found->second.value : "", command);
    read_whole.insert(key);
    return there ? Reply::string(dump(found->second.value)) : Reply::nil();
  }

  Reply on_copy(const Command& command) {
    const auto &name = command[0], &key = command[1];
    EXPECT_TRUE(target.importing.contains(key_slot(key))) << "MOVED";
    if (name == "UNLINK") return Reply::number(static_cast<std::int64_t>(target.keys.erase(key)));
    if (!refused_restore.empty()) return Reply::error(refused_restore);
    if (name == "RESTORE-ASKING") {
      const auto& dump = command[3];
      target.keys[key] = {dump.substr(1, dump.size() - 11), command[2] == "0" ? -1 : std::stoll(command[2])};
    } else if (name == "PEXPIREAT") {
      target.keys[key].expires_at = std::stoll(command[2]);
    } else if (name == "SCARD" || name == "LLEN" || name == "STRLEN") {
      return piece(target.keys.contains(key) ? target.keys[key].value : "", command);
    } else {
      auto& value = target.keys[key].value;
      for (std::size_t i = 2; i < command.size(); ++i)
        value += (value.empty() || name == "APPEND" ? "" : ",") + command[i];
    }
    return Reply::status("OK");
  }

  std::string type_of(const std::string& key) {
    if (types.contains(key)) return types[key];
    return source.keys[key].value.starts_with("stream") ? "stream" : "string";
  }

  static std::vector<Reply> elements(const std::string& value) {
    std::vector<Reply> elements;
    for (std::size_t at = 0; at < value.size();) {
      const auto end = std::min(value.find(',', at), value.size());
      elements.push_back(Reply::string(value.substr(at, end - at)));
      at = end + 1;
    }
    return elements;
  }

  // Of a set three elements at once, however many are asked for.
  static Reply piece(const std::string& value, const Command& command) {
    const auto& name = command[0];
    const auto all = elements(value);
    if (name == "STRLEN") return Reply::number(std::ssize(value));
    if (name == "SCARD" || name == "LLEN") return Reply::number(std::ssize(all));
    const auto from = std::stoul(command[2]);
    if (name == "GETRANGE")
      return Reply::string(from < value.size() ? value.substr(from, std::stoul(command[3]) + 1 - from) : "");
    const auto until = std::min(all.size(), name == "LRANGE" ? std::stoul(command[3]) + 1 : from + 3);
    std::vector<Reply> some;
    for (auto i = from; i < until; ++i) some.push_back(all[i]);
    if (name == "LRANGE") return Reply::array(some);
    const auto cursor = until < all.size() ? std::to_string(until) : "0";
    return Reply::array({Reply::string(cursor), Reply::array(some)});
  }

  static std::string dump(const std::string& value) {
    const bool stream = value.starts_with("stream");
    auto check = std::to_string(std::hash<std::string>()(value) % 90'000'000 + 10'000'000);
    return std::string(1, stream ? '\x0f' : '\0') + value + "v1" + check;
  }

  Reply client(Side side, Channel channel, const Command& command) {
    const int id = ids_ + (side == Side::kTarget ? 5 : static_cast<int>(channel));
    if (command[1] == "ID") return Reply::number(id);
    if (command[1] == "LIST") return Reply::string("id=" + std::to_string(id) + " name=us cmd=client\n");
    if (command[1] == "PAUSE") ++pauses;
    if (command[1] == "UNPAUSE" && refuses_unpause) return Reply::error("NOPERM no permissions");
    if (command[1] == "KILL") {
      ++kills;
      late_.clear();
    }
    return Reply::status("OK");
  }

  Reply cluster(Node& node, const Command& command) {
    const auto& what = command[1];
    if (what == "NODES") return nodes(node);
    const auto slot = static_cast<Slot>(std::stoi(command[2]));
    std::vector<Reply> names;
    for (const auto& [name, key] : node.keys) {
      if (key_slot(name) == slot) names.push_back(Reply::string(name));
    }
    if (what == "COUNTKEYSINSLOT") return Reply::number(std::ssize(names));
    if (what == "GETKEYSINSLOT") return Reply::array(names);
    const auto& state = command[3];
    if (state == "STABLE") {
      node.migrating.erase(slot);
      node.importing.erase(slot);
    } else if (state == "IMPORTING") {
      node.importing[slot] = command[4];
    } else if (state == "MIGRATING") {
      node.migrating[slot] = command[4];
    } else if (command[4] == node.id) {
      node.owned.add(slot);
      node.importing.erase(slot);
    } else {
      EXPECT_TRUE(names.empty() || !node.owned.contains(slot)) << "a slot was given away with keys";
      node.owned.remove(slot);
      node.migrating.erase(slot);
    }
    return Reply::status("OK");
  }

  static Reply nodes(const Node& node) {
    std::string line = node.id + " 127.0.0.1:1@2 myself,master - 0 0 1 connected";
    for (const auto& range : node.owned.ranges())
      line += " " + std::to_string(range.first) + "-" + std::to_string(range.last);
    for (const auto& [slot, peer] : node.migrating) line += " [" + std::to_string(slot) + "->-" + peer + "]";
    for (const auto& [slot, peer] : node.importing) line += " [" + std::to_string(slot) + "-<-" + peer + "]";
    return Reply::string(line + "\n");
  }

  // One of the last slot alone raises the config epoch, and tells of all.
  Reply take_slots() {
    const auto queue = *std::exchange(queues_[Side::kTarget], std::nullopt);
    std::vector<Reply> replies;
    bool told = true;
    for (const auto& command : queue) {
      told = command[3] == "NODE" && target.importing.contains(static_cast<Slot>(std::stoi(command[2])));
      replies.push_back(cluster(target, command));
    }
    EXPECT_TRUE(told) << "nobody hears of it";
    return Reply::array(replies);
  }

  Reply exec() {
    const auto queue = *std::exchange(queues_[Side::kSource], std::nullopt);
    watched_.clear();
    if (std::exchange(watch_broken_, false)) return Reply::nil();
    std::vector<Reply> replies;
    for (const auto& command : queue) replies.push_back(hand_over(command));
    return Reply::array(replies);
  }

  // What hand_over.cpp's script does.
  Reply hand_over(const Command& command) {
    const auto say = [](const char* word, const std::string& text) {
      return Reply::array({Reply::string(word), Reply::string(text)});
    };
    const auto last = 5 + 2 * std::stoul(command[4]);
    for (std::size_t i = 5; i < last; i += 2) {
      const auto there = cluster(source, {"CLUSTER", "COUNTKEYSINSLOT", command[i]});
      if (there.integer != std::stoll(command[i + 1])) return say("changed", command[i]);
    }
    for (auto i = last; i < command.size(); i += 2) {
      const auto dumped = on_key(source, {"DUMP", command[i]});
      if (dumped.is_nil() || dumped.text.substr(dumped.text.size() - 8) != command[i + 1])
        return say("value", command[i]);
    }
    if (!refused_unlink.empty()) return say("refused", refused_unlink);
    for (std::size_t i = 5; i < last; i += 2) {
      const auto slot = static_cast<Slot>(std::stoi(command[i]));
      std::erase_if(source.keys, [&](const auto& key) { return key_slot(key.first) == slot; });
      source.migrating[slot] = command[3];
    }
    return say("done", "");
  }

  std::set<std::string> watched_, tracked_;
  bool moved_ = false;
  bool watch_broken_ = false, subscribed_ = false;
  std::vector<Reply> messages_;
  std::map<Side, std::optional<std::vector<Command>>> queues_;  // of MULTI
  std::vector<Ask> late_;
  int ids_ = 10;
};

}  // namespace rebalance
