#include "rig/digest.h"

#include <algorithm>
#include <stdexcept>
#include <string_view>

namespace rig {
namespace {

uint64_t hash_of(std::string_view text) { return std::hash<std::string_view>{}(text); }

// Elements in groups of `width` (field and value, member and score), in an order of their own.
uint64_t hash_of_elements(const Reply& reply, size_t width, bool sorted) {
  std::vector<std::string> groups;
  for (size_t at = 0; at + width <= reply.elements.size(); at += width) {
    std::string group;
    for (size_t i = at; i < at + width; ++i) {
      group += std::to_string(reply.elements[i].text.size()) + ":" + reply.elements[i].text;
    }
    groups.push_back(std::move(group));
  }
  if (sorted) std::ranges::sort(groups);
  std::string all;
  for (const auto& group : groups) all += group;
  return hash_of(all);
}

Arguments content_command(const std::string& type, const std::string& key) {
  if (type == "hash") return {"HGETALL", key};
  if (type == "set") return {"SMEMBERS", key};
  if (type == "list") return {"LRANGE", key, "0", "-1"};
  if (type == "zset") return {"ZRANGE", key, "0", "-1", "WITHSCORES"};
  // Its DUMP shows how its nodes are cut, which Valkey's atomic migration and an append-only file do anew.
  if (type == "stream") return {"XRANGE", key, "-", "+"};
  return {"DUMP", key};
}

std::string flat(const Reply& reply) {
  std::string all = reply.text + ":" + std::to_string(reply.integer) + "[";
  for (const auto& element : reply.elements) all += flat(element) + ",";
  return all + "]";
}

uint64_t content_hash(const std::string& type, const Reply& reply) {
  if (type == "stream") return hash_of(flat(reply));
  if (type == "hash") return hash_of_elements(reply, 2, true);
  if (type == "set") return hash_of_elements(reply, 1, true);
  if (type == "list") return hash_of_elements(reply, 1, false);
  if (type == "zset") return hash_of_elements(reply, 2, false);
  return hash_of(reply.text);
}

class NodeReader {
 public:
  explicit NodeReader(const Endpoint& endpoint)
      : client_(endpoint, Milliseconds(60'000)),
        has_pexpiretime_(knows("PEXPIRETIME")),
        has_field_expiry_(knows("HPEXPIRETIME")) {}

  int64_t now() { return millis_of(client_.must({"TIME"})); }

  bool tells_expiry_exactly() const { return has_pexpiretime_; }

  template <typename Visit>
  void each(Visit visit) {
    std::string cursor = "0";
    do {
      const Reply page = client_.must({"SCAN", cursor, "COUNT", "500"});
      cursor = page.elements.at(0).text;
      std::vector<std::string> names;
      for (const auto& name : page.elements.at(1).elements) names.push_back(name.text);
      read_page(names, visit);
    } while (cursor != "0");
  }

 private:
  static int64_t millis_of(const Reply& time) {
    return std::stoll(time.elements.at(0).text) * 1000 + std::stoll(time.elements.at(1).text) / 1000;
  }

  bool knows(const std::string& command) {
    const Reply reply = client_.command({"COMMAND", "INFO", command});
    return !reply.elements.empty() && !reply.elements[0].elements.empty();
  }

  template <typename Visit>
  void read_page(const std::vector<std::string>& names, Visit visit) {
    std::vector<Arguments> types;
    for (const auto& name : names) types.push_back({"TYPE", name});
    const std::vector<Reply> type_replies = client_.pipeline(types);
    for (size_t i = 0; i < names.size(); ++i) {
      if (type_replies[i].is_error()) {  // MOVED: a key that this node should not hold
        visit(names[i], nullptr);
        continue;
      }
      KeyDigest digest = read_key(names[i], type_replies[i].text);
      if (digest.type != "none") visit(names[i], &digest);
    }
  }

  KeyDigest read_key(const std::string& name, const std::string& type) {
    // TIME right behind PTTL, so that the way back to us is in neither.
    const auto replies = client_.pipeline(
        {content_command(type, name), {has_pexpiretime_ ? "PEXPIRETIME" : "PTTL", name}, {"TIME"}});
    if (replies[0].is_error()) throw std::runtime_error("digest: " + replies[0].text);
    const int64_t expiry = replies[1].integer;
    if (expiry == -2) return {"none", 0, -1};  // it expired meanwhile
    KeyDigest digest{type, content_hash(type, replies[0]), expiry};
    if (expiry >= 0 && !has_pexpiretime_) digest.expires_at = millis_of(replies[2]) + expiry;
    if (type == "stream") digest.content ^= hash_of(flat(client_.must({"XINFO", "GROUPS", name})));
    if (type == "hash" && has_field_expiry_) digest.content ^= field_expiry(name, replies[0]);
    return digest;
  }

  uint64_t field_expiry(const std::string& name, const Reply& content) {
    std::vector<std::string> fields;
    for (size_t at = 0; at < content.elements.size(); at += 2) fields.push_back(content.elements[at].text);
    uint64_t all = 0;
    for (size_t at = 0; at < fields.size(); at += 1000) {
      const auto end = fields.begin() + static_cast<ptrdiff_t>(std::min(at + 1000, fields.size()));
      Arguments command{"HPEXPIRETIME", name, "FIELDS",
                        std::to_string(std::min<size_t>(1000, fields.size() - at))};
      command.insert(command.end(), fields.begin() + static_cast<ptrdiff_t>(at), end);
      const Reply times = client_.must(command);
      for (size_t i = 0; i < times.elements.size(); ++i)
        if (times.elements[i].integer > 0)
          all += hash_of(fields[at + i] + "@" + std::to_string(times.elements[i].integer));
    }
    return all;
  }

  Client client_;
  bool has_pexpiretime_;
  bool has_field_expiry_;
};

void count(int64_t& counter, Difference& difference, const char* what, const std::string& key) {
  if (++counter <= 3) difference.examples += std::string(what) + " " + key + "\n";
}

}  // namespace

ClusterDigest digest(const Endpoint& seed) {
  ClusterDigest all;
  const Topology topology = Topology::read(seed);
  for (const auto& endpoint : topology.primaries) {
    NodeReader reader(endpoint);
    if (!reader.tells_expiry_exactly()) all.expiry_error = 20;
    reader.each([&](const std::string& name, const KeyDigest* key) {
      if (key == nullptr || !all.keys.emplace(name, *key).second) ++all.misplaced;
    });
    all.taken_at = std::max(all.taken_at, reader.now());
  }
  return all;
}

Difference compare(const ClusterDigest& before, const ClusterDigest& after, Milliseconds expiry_tolerance) {
  const int64_t allowed = before.expiry_error + after.expiry_error + expiry_tolerance.count();
  Difference difference;
  for (const auto& [name, old] : before.keys) {
    const auto found = after.keys.find(name);
    if (found == after.keys.end()) {
      const bool expired = old.expires_at >= 0 && old.expires_at <= after.taken_at + before.expiry_error;
      if (!expired) count(difference.lost, difference, "lost", name);
      continue;
    }
    if (found->second.type != old.type || found->second.content != old.content)
      count(difference.changed, difference, "changed", name);
    const bool both_expire = found->second.expires_at >= 0 && old.expires_at >= 0;
    const int64_t apart = std::abs(found->second.expires_at - old.expires_at);
    if (both_expire ? apart > allowed : apart != 0)
      count(difference.expiry_changed, difference, "expiry changed",
            name + " by " + std::to_string(apart) + " ms, from " + std::to_string(old.expires_at));
  }
  for (const auto& [name, key] : after.keys)
    if (!before.keys.contains(name)) count(difference.appeared, difference, "appeared", name);
  return difference;
}

}  // namespace rig
