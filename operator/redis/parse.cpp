#include "redis/parse.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <tuple>

#include "base/text.h"
#include "redis/atomic_tasks.h"

namespace rebalance {
namespace {

// Cuts off and returns what stands before `separator`, or the whole rest.
std::string_view cut_line(std::string_view& rest) {
  auto line = cut(rest, '\n');
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

template <typename Number>
Number number_or(std::string_view text, Number otherwise) {
  return whole_number<Number>(text).value_or(otherwise);
}

// "10.0.0.7:6379@16379,host" or "::1:6379@16379": the port follows the last colon before '@'.
void read_address(std::string_view text, Gossip& node) {
  auto rest = text.substr(0, text.find(','));
  const auto client = cut(rest, '@');
  node.bus_port = number_or(rest, 0);
  const auto colon = client.rfind(':');
  if (colon == std::string_view::npos) return;
  node.host = client.substr(0, colon);
  node.port = number_or(client.substr(colon + 1), 0);
}

void read_flags(std::string_view flags, Gossip& node) {
  while (!flags.empty()) {
    const auto flag = cut(flags, ',');
    if (flag == "myself") node.myself = true;
    if (flag == "slave" || flag == "replica") node.role = Role::kReplica;
    if (flag == "fail?") node.pfail = true;
    if (flag == "fail") node.fail = true;
    if (flag == "handshake") node.handshake = true;
    if (flag == "noaddr") node.noaddr = true;
  }
}

std::optional<Slot> read_slot(std::string_view text) {
  const auto value = whole_number<int>(text);
  if (!value || *value < 0 || *value >= kSlotCount) return std::nullopt;
  return static_cast<Slot>(*value);
}

// "[93->-id]": leaves to id; "[93-<-id]": comes from id.
std::optional<OpenSlot> read_open(std::string_view text) {
  if (!text.starts_with('[') || !text.ends_with(']')) return std::nullopt;
  text = text.substr(1, text.size() - 2);
  for (const auto& [mark, direction] : {std::pair{"->-", OpenSlot::Direction::kMigrating},
                                        std::pair{"-<-", OpenSlot::Direction::kImporting}}) {
    const auto at = text.find(mark);
    if (at == std::string_view::npos) continue;
    if (const auto slot = read_slot(text.substr(0, at))) {
      return OpenSlot{*slot, direction, NodeId(text.substr(at + 3))};
    }
  }
  return std::nullopt;
}

bool read_range(std::string_view text, SlotSet& slots) {
  const auto first = read_slot(cut(text, '-'));
  const auto last = text.empty() ? first : read_slot(text);
  if (!first || !last || *first > *last) return false;
  slots.add(SlotRange{*first, *last});
  return true;
}

bool read_slots(std::string_view text, Gossip& node, NodeView& view) {
  while (!text.empty()) {
    const auto item = cut(text, ' ');
    if (item.empty()) continue;
    if (item.front() == '[') {
      auto open = read_open(item);
      if (!open) return false;
      view.open.push_back(std::move(*open));
    } else if (!read_range(item, node.slots)) {
      return false;
    }
  }
  return true;
}

bool read_node(std::string_view line, NodeView& view) {
  Gossip node;
  node.id = cut(line, ' ');
  read_address(cut(line, ' '), node);
  const auto flags = cut(line, ' ');
  read_flags(flags, node);
  const auto primary = cut(line, ' ');
  if (primary != "-") node.primary = primary;
  cut(line, ' ');  // ping sent
  cut(line, ' ');  // pong received
  const auto epoch = whole_number<std::uint64_t>(cut(line, ' '));
  const auto link = cut(line, ' ');
  node.link_up = link == "connected";
  if (node.id.empty() || flags.empty() || !epoch || link.empty()) return false;
  node.config_epoch = static_cast<std::int64_t>(*epoch);
  if (!read_slots(line, node, view)) return false;
  view.nodes.push_back(std::move(node));
  return true;
}

// "9.1.0-rc2"
void read_numbers(std::string_view text, Version& version) {
  version.major = number_or(cut(text, '.'), 0);
  version.minor = number_or(cut(text, '.'), 0);
  version.patch = number_or(cut(text, '-'), 0);
}

// "jemalloc-5.3.1"
bool holds_outgrown(std::string_view allocator) {
  if (cut(allocator, '-') != "jemalloc") return false;
  Version version;
  read_numbers(allocator, version);
  return std::tie(version.major, version.minor, version.patch) >= std::tuple(5, 3, 1);
}

}  // namespace

Result<NodeView> parse_cluster_nodes(std::string_view text) {
  NodeView view;
  while (!text.empty()) {
    const auto line = cut_line(text);
    if (line.empty()) continue;
    if (!read_node(line, view)) {
      return invalid_input("CLUSTER NODES gave a line that cannot be read: \"" +
                           std::string(line.substr(0, 200)) + "\"");
    }
  }
  return view;
}

Info::Info(std::string text) : text_(std::move(text)) {
  std::string_view rest = text_;
  while (!rest.empty()) {
    auto line = cut_line(rest);
    if (line.empty() || line.front() == '#' || line.find(':') == std::string_view::npos) continue;
    const auto name = cut(line, ':');
    fields_.emplace_back(name, line);
  }
  std::ranges::stable_sort(fields_, {}, &Field::first);
}

const Info::Field* Info::find(std::string_view name) const {
  const auto at = std::ranges::lower_bound(fields_, name, {}, &Field::first);
  return at != fields_.end() && at->first == name ? &*at : nullptr;
}

std::string_view Info::text(std::string_view name) const {
  const auto* field = find(name);
  return field == nullptr ? std::string_view() : field->second;
}

std::int64_t Info::number(std::string_view name, std::int64_t otherwise) const {
  return number_or(text(name), otherwise);
}

std::vector<std::string_view> Info::all(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const auto& field : std::ranges::equal_range(fields_, name, {}, &Field::first))
    values.push_back(field.second);
  return values;
}

std::string_view inner_field(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    auto item = cut(text, ',');
    if (cut(item, '=') == name) return item;
  }
  return {};
}

std::string_view client_field(std::string_view line, std::string_view name) {
  while (!line.empty()) {
    auto item = cut(line, ' ');
    if (cut(item, '=') == name) return item;
  }
  return {};
}

std::int64_t oldest_client(std::string_view list) {
  std::int64_t oldest = -1;
  while (!list.empty())
    oldest = std::max(oldest, number_or<std::int64_t>(client_field(cut_line(list), "age"), -1));
  return oldest;
}

Version parse_version(const Info& info) {
  Version version;
  auto text = info.text("redis_version");
  if (info.text("server_name") == "valkey" || info.has("valkey_version")) {
    version.kind = ServerKind::kValkey;
    if (info.has("valkey_version")) text = info.text("valkey_version");
  }
  read_numbers(text, version);
  return version;
}

MemoryReading parse_memory(const Info& info) {
  MemoryReading memory;
  memory.used = info.number("used_memory");
  memory.rss = info.number("used_memory_rss");
  memory.maxmemory = info.number("maxmemory");
  memory.not_counted_for_evict = info.number("mem_not_counted_for_evict");
  memory.dataset = info.number("used_memory_dataset");
  memory.replication_backlog = info.number("mem_replication_backlog");
  memory.lazyfree_pending = info.number("lazyfree_pending_objects");
  memory.last_cow = std::max(info.number("rdb_last_cow_size"), info.number("aof_last_cow_size"));
  memory.evicted_keys = info.number("evicted_keys");
  memory.rejected_connections = info.number("rejected_connections");
  memory.holds_outgrown = holds_outgrown(info.text("mem_allocator"));
  return memory;
}

LoadReading parse_load(const Info& info) {
  const auto errors = [&](const char* code) {
    return number_or<std::int64_t>(inner_field(info.text(std::string("errorstat_") + code), "count"), 0);
  };
  const auto seconds = [&](const char* name) {
    return std::strtod(std::string(info.text(name)).c_str(), nullptr);
  };
  LoadReading load;
  load.clients = info.number("connected_clients");
  load.most_clients = info.number("maxclients");
  load.operations_per_second = info.number("instantaneous_ops_per_sec");
  load.cpu_seconds = seconds("used_cpu_sys") + seconds("used_cpu_user");
  load.buffers = info.number("mem_clients_normal") + info.number("mem_clients_slaves");
  load.commands = info.number("total_commands_processed");
  load.redirected = errors("MOVED") + errors("ASK");
  load.unserved = errors("TRYAGAIN") + errors("CLUSTERDOWN");
  return load;
}

PersistenceReading parse_persistence(const Info& info) {
  PersistenceReading reading;
  reading.save_failed = info.text("rdb_last_bgsave_status") == "err";
  reading.aof_write_failed = info.flag("aof_enabled") && info.text("aof_last_write_status") == "err";
  reading.aof_size = info.number("aof_current_size");
  if (info.flag("rdb_bgsave_in_progress")) {
    reading.child = "an RDB file";
    reading.child_seconds = std::max<std::int64_t>(0, info.number("rdb_current_bgsave_time_sec"));
  } else if (info.flag("aof_rewrite_in_progress")) {
    reading.child = "a new AOF";
    reading.child_seconds = std::max<std::int64_t>(0, info.number("aof_current_rewrite_time_sec"));
  } else if (info.flag("module_fork_in_progress")) {
    reading.child = "what a module needs";
  } else if (info.flag("slot_migration_fork_in_progress")) {
    reading.child = "slots that migrate atomically";
  }
  return reading;
}

// The second offset is where the stream of the former primary ended, plus one; a server that never was a
// replica says -1.
ReplicationReading parse_replication(const Info& info) {
  ReplicationReading reading;
  reading.full_sync = info.flag("master_sync_in_progress");
  const auto taken_over = info.number("second_repl_offset", -1);
  if (taken_over > 0 && info.text("role") == "master")
    reading.since_takeover = std::max<std::int64_t>(0, info.number("master_repl_offset") - taken_over + 1);
  const auto kib = std::strtod(std::string(info.text("instantaneous_output_repl_kbps")).c_str(), nullptr);
  const auto replicas = std::max<std::int64_t>(1, info.number("connected_slaves"));
  reading.bytes_per_second = static_cast<std::int64_t>(kib * kKiB / static_cast<double>(replicas));
  return reading;
}

// slave0:ip=10.0.0.9,port=6379,state=online,offset=11491,lag=0
std::vector<ReplicaLink> parse_replicas(const Info& info) {
  std::vector<ReplicaLink> replicas;
  for (std::int64_t i = 0; i < info.number("connected_slaves"); ++i) {
    const auto line = info.text("slave" + std::to_string(i));
    if (line.empty()) break;
    replicas.push_back({std::string(inner_field(line, "ip")), number_or(inner_field(line, "port"), 0),
                        inner_field(line, "state") == "online",
                        number_or<std::int64_t>(inner_field(line, "offset"), 0)});
  }
  return replicas;
}

std::vector<std::string> parse_modules(const Info& info) {
  std::vector<std::string> modules;
  for (const auto line : info.all("module")) modules.emplace_back(inner_field(line, "name"));
  std::ranges::sort(modules);
  return modules;
}

Result<RoleState> parse_role(const Reply& reply) {
  if (reply.is_error()) return error(ErrorCode::kRefused, "ROLE: " + reply.text);
  if (reply.items.size() < 2) return error(ErrorCode::kInternal, "ROLE gave an answer that cannot be read");
  const auto& items = reply.items;
  RoleState state;
  if (items[0].text == "master") {
    state.offset = items[1].integer;
    return state;
  }
  if (items[0].text != "slave" || items.size() < 5) {
    return error(ErrorCode::kInternal,
                 "ROLE says \"" + items[0].text + "\": neither a primary nor a replica");
  }
  state.role = Role::kReplica;
  state.primary_host = items[1].text;
  state.primary_port = static_cast<int>(items[2].integer);
  state.link_up = items[3].text == "connected";
  state.offset = items[4].integer;
  return state;
}

std::map<std::string, std::string> parse_config(const Reply& reply) {
  std::map<std::string, std::string> values;
  for (std::size_t i = 0; i + 1 < reply.items.size(); i += 2)
    values[reply.items[i].text] = reply.items[i + 1].text;
  return values;
}

void read_buffer_limit(std::string_view limits, ReplicationReading& replication) {
  while (!limits.empty()) {
    const auto kind = cut(limits, ' ');
    const auto hard = cut(limits, ' '), soft = cut(limits, ' '), seconds = cut(limits, ' ');
    if (kind != "slave" && kind != "replica") continue;
    replication.hard_buffer = number_or(hard, replication.hard_buffer);
    replication.soft_buffer = number_or(soft, replication.soft_buffer);
    replication.soft_seconds = number_or(seconds, replication.soft_seconds);
  }
}

// [get, [calls, 3, histogram_usec, [1, 2, 4, 3]], set, ...]: counts grow from bound to bound.
std::map<std::int64_t, std::int64_t> parse_histogram(const Reply& reply) {
  std::map<std::int64_t, std::int64_t> lasted;
  for (std::size_t i = 1; i < reply.items.size(); i += 2) {
    const auto& command = reply.items[i].items;
    if (command.size() < 4) continue;
    const auto& bounds = command[3].items;
    std::int64_t shorter = 0;
    for (std::size_t j = 0; j + 1 < bounds.size(); j += 2) {
      lasted[bounds[j].integer] += bounds[j + 1].integer - shorter;
      shorter = bounds[j + 1].integer;
    }
  }
  return lasted;
}

int count_atomic_tasks(const Reply& reply) {
  return static_cast<int>(std::ranges::count_if(parse_atomic_tasks(reply), &AtomicTask::live));
}

}  // namespace rebalance
