#include "codec/world_codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "base/fnv.h"
#include "base/text.h"
#include "codec/yaml.h"

namespace rebalance {
namespace {

constexpr int kFormat = 1;
const char* const kHead =
    "# What was seen of the cluster. Change limits, nodes or sizes, then: redis-rebalance plan --from THIS "
    "-f SPEC\n"
    "# Memory is in bytes or as 118Mi; `sizes` holds bytes and keys of each slot from `from` on.\n";

std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

// --- writing

void put(std::string& out, const char* name, const std::string& value, const std::string& usual = {}) {
  if (value != usual) out += fmt::format("    {}: {}\n", name, quoted(value));
}

void put(std::string& out, const char* name, bool value, bool usual) {
  if (value != usual) out += fmt::format("    {}: {}\n", name, value);
}

void put_bytes(std::string& out, const char* name, Bytes value, Bytes usual = 0,
               const char* indent = "    ") {
  if (value != usual) out += fmt::format("{}{}: {}\n", indent, name, quantity_text(value));
}

std::string primary_of(const WorldNode& node, const World& world) {
  const auto* primary = world.find(node.primary);
  return primary != nullptr ? primary->pod : node.primary;
}

void put_memory(std::string& out, const MemoryReading& memory) {
  out += "    memory:\n";
  const auto line = [&](const char* name, Bytes value, Bytes usual = 0) {
    put_bytes(out, name, value, usual, "      ");
  };
  out +=
      fmt::format("      used: {}\n      rss: {}\n", quantity_text(memory.used), quantity_text(memory.rss));
  line("workingSet", memory.working_set, -1);
  line("maxmemory", memory.maxmemory);
  line("notCountedForEvict", memory.not_counted_for_evict);
  line("dataset", memory.dataset);
  line("replicationBacklog", memory.replication_backlog);
  line("lazyfreePending", memory.lazyfree_pending);
  line("lastCow", memory.last_cow);
  line("evictedKeys", memory.evicted_keys);
  if (memory.holds_outgrown) out += "      holdsOutgrown: true\n";
}

// What is configured of it; the rest is of the moment.
void put_replication(std::string& out, const WorldNode& node) {
  const WorldNode usual;
  const auto &now = node.replication, &then = usual.replication;
  put_bytes(out, "backlog", now.backlog, then.backlog);
  put_bytes(out, "replicaBufferHard", now.hard_buffer, then.hard_buffer);
  put_bytes(out, "replicaBufferSoft", now.soft_buffer, then.soft_buffer);
  if (now.soft_seconds != then.soft_seconds)
    out += fmt::format("    replicaBufferSoftSeconds: {}\n", now.soft_seconds);
  if (node.migration_barrier != usual.migration_barrier)
    out += fmt::format("    migrationBarrier: {}\n", node.migration_barrier);
}

void put_node(std::string& out, const WorldNode& node, const World& world) {
  const WorldNode usual;
  out += fmt::format("  - pod: {}\n", quoted(node.pod));
  put(out, "id", node.id);
  put(out, "zone", node.zone);
  if (node.role == Role::kReplica) put(out, "replicaOf", primary_of(node, world));
  out += fmt::format("    version: {}\n", quoted(node.version.text()));
  put(out, "slots", node.slots.text());
  if (node.keys != 0) out += fmt::format("    keys: {}\n", node.keys);
  out +=
      node.limit > 0 ? fmt::format("    limit: {}\n", quantity_text(node.limit)) : "    limit: 0  # none\n";
  put_bytes(out, "request", node.request);
  put(out, "notResizable", node.resize.hindrance);
  put_memory(out, node.memory);
  put(out, "maxmemoryPolicy", node.maxmemory_policy, usual.maxmemory_policy);
  put(out, "appendOnly", node.aof_enabled, usual.aof_enabled);
  put(out, "savePoints", node.save_points, usual.save_points);
  put(out, "forkRunning", node.child_running, usual.child_running);
  put(out, "inSync", node.in_sync, usual.in_sync);
  put_bytes(out, "lag", node.lag);
  put(out, "allowReplicaMigration", node.allow_replica_migration, usual.allow_replica_migration);
  put(out, "modules", fmt::format("{}", fmt::join(node.modules, " ")));
  put(out, "fullCoverage", node.full_coverage, usual.full_coverage);
  put_replication(out, node);
  if (node.cluster_node_timeout_millis != usual.cluster_node_timeout_millis) {
    out += fmt::format("    nodeTimeoutMillis: {}\n", node.cluster_node_timeout_millis);
  }
}

const char* severity_name(Severity severity) {
  return severity == Severity::kBlocker ? "Blocker" : severity == Severity::kWarning ? "Warning" : "Ok";
}

void put_findings(std::string& out, const std::vector<Finding>& findings) {
  if (!findings.empty()) out += "findings:\n";
  for (const auto& finding : findings) {
    out += fmt::format("  - severity: {}\n", severity_name(finding.severity));
    put(out, "name", finding.name);
    put(out, "where", finding.where);
    put(out, "evidence", finding.evidence);
    put(out, "remedy", finding.remedy);
  }
}

// Neighbouring slots that hold something, in rows of 16 so that an editor and a diff can cope.
void put_row(std::string& out, const char* name, const auto& values, int from, int to) {
  out += fmt::format("      {}: [", name);
  for (int slot = from; slot < to; ++slot) {
    if (slot > from) out += (slot - from) % 16 == 0 ? ",\n        " : ", ";
    out += std::to_string(values[slot]);
  }
  out += "]\n";
}

void put_sizes(std::string& out, const SlotSizes& sizes) {
  out += fmt::format("sizes:\n  exact: {}\n", sizes.exact);
  if (sizes.error_percent != 0) out += fmt::format("  errorPercent: {}\n", sizes.error_percent);
  if (!sizes.cpu_known.empty()) out += fmt::format("  cpuKnown: {}\n", quoted(sizes.cpu_known.text()));
  if (!sizes.cpu_recent.empty()) out += fmt::format("  cpuRecent: {}\n", quoted(sizes.cpu_recent.text()));
  const auto holds = [&](int slot) {
    return slot < kSlotCount &&
           (sizes.bytes[slot] != 0 || sizes.keys[slot] != 0 || sizes.cpu_usec[slot] != 0);
  };
  bool first = true;
  for (int slot = 0; slot < kSlotCount; ++slot) {
    if (!holds(slot)) continue;
    const int from = slot;
    while (holds(slot)) ++slot;
    if (std::exchange(first, false)) out += "  runs:\n";
    out += fmt::format("    - from: {}\n", from);
    put_row(out, "bytes", sizes.bytes, from, slot);
    put_row(out, "keys", sizes.keys, from, slot);
    if (!sizes.cpu_known.empty()) put_row(out, "cpuUsec", sizes.cpu_usec, from, slot);
  }
}

// --- reading

// The members of one map, each asked for once; what nobody asked for is misspelt. Keeps the first error.
class Fields {
 public:
  Fields(const YamlNode& map, std::string source, std::string what)
      : map_(map), source_(std::move(source)), what_(std::move(what)) {
    if (!map.is_map()) fail(map.line, what_ + " should be a map of fields");
  }

  const YamlNode* take(const std::string& name) {
    asked_.insert(name);
    return map_.find(name);
  }

  void text(const char* name, std::string& value) {
    if (const auto* node = take(name)) value = node->text;
  }
  void boolean(const char* name, bool& value) {
    const auto* node = take(name);
    if (node == nullptr) return;
    if (node->kind != YamlNode::Kind::kBoolean)
      return fail(node->line, fmt::format("{} should be true or false", name));
    value = node->integer != 0;
  }
  void bytes(const char* name, Bytes& value) {
    const auto* node = take(name);
    if (node == nullptr) return;
    const auto read = parse_quantity(node->text);
    if (!read) return fail(node->line, fmt::format("{}: {}", name, read.error().message));
    if (*read < 0) return fail(node->line, fmt::format("{} is {}: it cannot be negative", name, node->text));
    value = *read;
  }
  void integer(const char* name, auto& value) {
    Bytes read = value;
    bytes(name, read);
    value = static_cast<std::remove_reference_t<decltype(value)>>(read);
  }
  void number(const char* name, double& value) {
    const auto* node = take(name);
    if (node == nullptr) return;
    const auto& written = node->text;
    const auto [end, failure] = std::from_chars(written.data(), written.data() + written.size(), value);
    const bool good = failure == std::errc{} && end == written.data() + written.size() && value >= 0;
    if (!good) fail(node->line, fmt::format("{}: \"{}\" is not a number from 0 on", name, written));
  }
  void slots(const char* name, SlotSet& value) {
    const auto* node = take(name);
    if (node == nullptr) return;
    auto read = SlotSet::parse(node->text);
    if (!read) return fail(node->line, fmt::format("{}: {}", name, read.error().message));
    value = *std::move(read);
  }

  void fail(int line, const std::string& message) {
    if (!error_) error_ = Error{ErrorCode::kInvalidInput, fmt::format("{}:{}: {}", source_, line, message)};
  }
  Status done() {
    for (const auto& [name, node] : map_.members) {
      if (!asked_.contains(name))
        fail(node.line, fmt::format("{} has no field {}; it has {}", what_, name, fmt::join(asked_, ", ")));
    }
    if (error_) return std::unexpected(*error_);
    return {};
  }

 private:
  const YamlNode& map_;
  std::string source_, what_;
  std::set<std::string> asked_;
  std::optional<Error> error_;
};

// "Redis 7.0.15"
bool parse_version(const std::string& text, Version& version) {
  std::istringstream in(text);
  std::string kind;
  char dot = 0, dot2 = 0;
  in >> kind >> version.major >> dot >> version.minor >> dot2 >> version.patch;
  version.kind = kind == "Valkey" ? ServerKind::kValkey : ServerKind::kRedis;
  return in && dot == '.' && dot2 == '.' && (kind == "Redis" || kind == "Valkey");
}

Status read_memory(const YamlNode& in, const std::string& source, MemoryReading& memory) {
  Fields fields(in, source, "memory");
  fields.bytes("used", memory.used);
  fields.bytes("rss", memory.rss);
  fields.bytes("workingSet", memory.working_set);
  fields.bytes("maxmemory", memory.maxmemory);
  fields.bytes("notCountedForEvict", memory.not_counted_for_evict);
  fields.bytes("dataset", memory.dataset);
  fields.bytes("replicationBacklog", memory.replication_backlog);
  fields.bytes("lazyfreePending", memory.lazyfree_pending);
  fields.bytes("lastCow", memory.last_cow);
  fields.integer("evictedKeys", memory.evicted_keys);
  fields.boolean("holdsOutgrown", memory.holds_outgrown);
  return fields.done();
}

Result<WorldNode> read_node(const YamlNode& in, const std::string& source) {
  WorldNode node;
  Fields fields(in, source, "a node");
  fields.text("pod", node.pod);
  fields.text("id", node.id);
  fields.text("zone", node.zone);
  fields.text("replicaOf", node.primary);
  if (const auto* version = fields.take("version");
      version != nullptr && !parse_version(version->text, node.version)) {
    fields.fail(version->line,
                fmt::format("version: \"{}\" should look like Redis 7.0.15 or Valkey 8.1.3", version->text));
  }
  fields.slots("slots", node.slots);
  fields.integer("keys", node.keys);
  fields.bytes("limit", node.limit);
  fields.bytes("request", node.request);
  fields.text("notResizable", node.resize.hindrance);
  const auto* memory = fields.take("memory");
  fields.text("maxmemoryPolicy", node.maxmemory_policy);
  fields.boolean("appendOnly", node.aof_enabled);
  fields.boolean("savePoints", node.save_points);
  fields.boolean("forkRunning", node.child_running);
  fields.boolean("inSync", node.in_sync);
  fields.bytes("lag", node.lag);
  fields.boolean("allowReplicaMigration", node.allow_replica_migration);
  fields.integer("nodeTimeoutMillis", node.cluster_node_timeout_millis);
  fields.boolean("fullCoverage", node.full_coverage);
  fields.bytes("backlog", node.replication.backlog);
  fields.bytes("replicaBufferHard", node.replication.hard_buffer);
  fields.bytes("replicaBufferSoft", node.replication.soft_buffer);
  fields.integer("replicaBufferSoftSeconds", node.replication.soft_seconds);
  fields.integer("migrationBarrier", node.migration_barrier);
  std::string modules;
  fields.text("modules", modules);
  for (std::string_view rest = modules; !rest.empty();) node.modules.emplace_back(cut(rest, ' '));
  if (node.pod.empty()) fields.fail(in.line, "a node needs a pod name");
  if (!node.primary.empty()) node.role = Role::kReplica;
  if (node.role == Role::kReplica && !node.slots.empty()) fields.fail(in.line, "a replica owns no slots");
  TRY_OK(fields.done());
  if (memory != nullptr) TRY_OK(read_memory(*memory, source, node.memory));
  // A person who adds a node has no id for it.
  if (node.id.empty()) node.id = fmt::format("{:040x}", fnv1a(node.pod));
  return node;
}

Status read_nodes(const YamlNode& in, const std::string& source, World& world) {
  std::set<std::string> pods, ids;
  for (const auto& item : in.items) {
    TRY(node, read_node(item, source));
    if (!pods.insert(node.pod).second)
      return invalid_input(fmt::format("{}:{}: two nodes are called {}", source, item.line, node.pod));
    if (!ids.insert(node.id).second)
      return invalid_input(fmt::format("{}:{}: two nodes have the id {}", source, item.line, node.id));
    world.nodes.push_back(std::move(node));
  }
  std::ranges::sort(world.nodes, {}, &WorldNode::id);
  for (auto& node : world.nodes) {
    if (const auto* primary = world.find_pod(node.primary)) node.primary = primary->id;
  }
  return {};
}

Status read_row(const YamlNode* in, const std::string& source, int from, auto& values) {
  if (in == nullptr) return {};
  if (!in->is_list())
    return invalid_input(fmt::format("{}:{}: a run's bytes and keys are lists", source, in->line));
  if (from + std::ssize(in->items) > kSlotCount) {
    return invalid_input(
        fmt::format("{}:{}: the run from slot {} goes beyond slot 16383", source, in->line, from));
  }
  int slot = from;
  for (const auto& item : in->items) {
    const auto value = parse_quantity(item.text);
    if (!value || *value < 0) {
      return invalid_input(
          fmt::format("{}:{}: \"{}\" is no size (slot {})", source, item.line, item.text, slot));
    }
    values[slot++] = *value;
  }
  return {};
}

Status read_sizes(const YamlNode& in, const std::string& source, SlotSizes& sizes) {
  Fields fields(in, source, "sizes");
  fields.boolean("exact", sizes.exact);
  fields.number("errorPercent", sizes.error_percent);
  fields.slots("cpuKnown", sizes.cpu_known);
  fields.slots("cpuRecent", sizes.cpu_recent);
  const auto* runs = fields.take("runs");
  TRY_OK(fields.done());
  if (runs == nullptr) return {};
  for (const auto& run : runs->items) {
    Fields row(run, source, "a run");
    int from = 0;
    row.integer("from", from);
    const auto *bytes = row.take("bytes"), *keys = row.take("keys"), *cpu = row.take("cpuUsec");
    TRY_OK(row.done());
    TRY_OK(read_row(bytes, source, from, sizes.bytes));
    TRY_OK(read_row(keys, source, from, sizes.keys));
    TRY_OK(read_row(cpu, source, from, sizes.cpu_usec));
  }
  return {};
}

Result<Finding> read_finding(const YamlNode& in, const std::string& source) {
  Finding finding;
  std::string severity;
  Fields fields(in, source, "a finding");
  fields.text("severity", severity);
  fields.text("name", finding.name);
  fields.text("where", finding.where);
  fields.text("evidence", finding.evidence);
  fields.text("remedy", finding.remedy);
  TRY_OK(fields.done());
  finding.severity = severity == "Blocker"   ? Severity::kBlocker
                     : severity == "Warning" ? Severity::kWarning
                                             : Severity::kOk;
  return finding;
}

}  // namespace

std::string world_yaml(const World& world) {
  std::string out = kHead;
  out += fmt::format("kind: ObservedWorld\nformat: {}\nnodes:\n", kFormat);
  for (const auto& node : world.nodes) put_node(out, node, world);
  put_findings(out, world.findings);
  put_sizes(out, world.sizes);
  return out;
}

Result<World> read_world(const std::string& text, const std::string& source) {
  TRY(documents, parse_yaml(text, source));
  if (documents.size() != 1)
    return invalid_input(source + ": should hold one document, as `plan --save` writes it");
  Fields fields(documents.front(), source, "the file");
  std::string kind;
  int format = 0;
  fields.text("kind", kind);
  fields.integer("format", format);
  const auto *nodes = fields.take("nodes"), *findings = fields.take("findings");
  const auto* sizes = fields.take("sizes");
  if (kind != "ObservedWorld" || format != kFormat) {
    return invalid_input(
        fmt::format("{}: is no ObservedWorld of format {}: `plan --save FILE` writes one", source, kFormat));
  }
  TRY_OK(fields.done());
  World world;
  if (nodes != nullptr) TRY_OK(read_nodes(*nodes, source, world));
  if (sizes != nullptr) TRY_OK(read_sizes(*sizes, source, world.sizes));
  if (findings == nullptr) return world;
  for (const auto& item : findings->items) {
    TRY(finding, read_finding(item, source));
    world.findings.push_back(std::move(finding));
  }
  return world;
}

}  // namespace rebalance
