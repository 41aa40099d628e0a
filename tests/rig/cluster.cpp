#include "rig/cluster.h"

#include <algorithm>
#include <set>
#include <sstream>
#include <stdexcept>

namespace rig {
namespace {

// For comparison: what all nodes must say alike.
std::string essence(const std::vector<NodeView>& views) {
  std::set<std::string> lines;
  for (const auto& view : views) lines.insert(view.id + "|" + view.primary + "|" + view.slots);
  std::string text;
  for (const auto& line : lines) text += line + "\n";
  return text;
}

bool sound(const std::vector<NodeView>& views) {
  return std::ranges::all_of(views, [](const NodeView& view) {
    const bool myself = view.flags.contains("myself");
    return !view.flags.contains("fail") && !view.flags.contains("handshake") && (myself || view.connected);
  });
}

bool in_sync(Client& client) {
  const std::string info = client.must({"INFO", "replication"}).text;
  return info_field(info, "role") != "slave" || info_field(info, "master_link_status") == "up";
}

void add_slots(Client& client, const ServerVersion& version, int from, int to) {
  if (version.at_least(7, 0)) {
    client.must({"CLUSTER", "ADDSLOTSRANGE", std::to_string(from), std::to_string(to)});
    return;
  }
  Arguments command{"CLUSTER", "ADDSLOTS"};
  for (int slot = from; slot <= to; ++slot) command.push_back(std::to_string(slot));
  client.must(command);
}

}  // namespace

TestCluster::TestCluster(const ServerVersion& version, ClusterOptions options)
    : own_folder_(std::make_unique<TempFolder>()),
      folder_(own_folder_->path()),
      version_(version),
      options_(std::move(options)) {
  create();
}

TestCluster::TestCluster(const ServerVersion& version, ClusterOptions options, std::filesystem::path folder)
    : folder_(std::move(folder)), version_(version), options_(std::move(options)) {
  std::filesystem::create_directories(folder_);
  create();
}

void TestCluster::create() {
  if (options_.tls) {
    ca_ = std::make_unique<CertificateAuthority>(folder_);
    const CertificateFiles files = ca_->issue("server");
    options_.server.tls = ServerTls{ca_->certificate(), files.certificate, files.key};
  }
  const int primaries_count = primaries();
  const int total = primaries_count * (1 + options_.replicas);
  for (int i = 0; i < total; ++i) start_node(version_, options_.server);
  for (int i = 0; i < options_.primaries; ++i) {
    Client client = node(i).connect();
    const int from = kSlots * i / options_.primaries;
    add_slots(client, version_, from, kSlots * (i + 1) / options_.primaries - 1);
  }
  for (int i = 1; i < total; ++i) introduce(i);
  for (int i = primaries_count; i < total; ++i) replicate(i, (i - primaries_count) / options_.replicas);
  wait_until_agreed();
}

int TestCluster::start_node(const ServerVersion& version, const ServerOptions& options) {
  const int index = size();
  auto own = options;
  if (options_.own_addresses) {
    own.host = "127.0.0." + std::to_string(10 + index);
    own.config.push_back("bind-source-addr " + own.host);
  }
  nodes_.push_back(std::make_unique<Server>(version, folder_ / ("node-" + std::to_string(index)), own));
  Client client = node(index).connect();
  ids_.push_back(client.must({"CLUSTER", "MYID"}).text);
  // Epochs of their own from the start: equal ones would have to be sorted out by the cluster first.
  int64_t epoch = index + 1;
  if (index > 0)
    for (const auto& view : view_of(asked())) epoch = std::max(epoch, view.epoch + 1);
  client.must({"CLUSTER", "SET-CONFIG-EPOCH", std::to_string(epoch)});
  return index;
}

// To all that were there before it: gossip alone would take a while.
void TestCluster::introduce(int index) {
  Client client = node(index).connect();
  for (int other = 0; other < index; ++other) {
    if (!nodes_[static_cast<size_t>(other)]->running()) continue;
    client.must({"CLUSTER", "MEET", node(other).host(), std::to_string(node(other).port())});
  }
}

void TestCluster::replicate(int index, int primary) {
  Client client = node(index).connect();
  Reply reply;
  const bool done = wait_until(
      [&] {
        reply = client.command({"CLUSTER", "REPLICATE", node_id(primary)});
        return !reply.is_error();
      },
      Milliseconds(20'000));
  if (!done) throw std::runtime_error("CLUSTER REPLICATE: " + reply.text);
}

int TestCluster::index_of(const std::string& id) const {
  const auto found = std::ranges::find(ids_, id);
  return found == ids_.end() ? -1 : static_cast<int>(found - ids_.begin());
}

int TestCluster::asked() const {
  const auto found = std::ranges::find_if(nodes_, [](const auto& server) { return server->running(); });
  if (found == nodes_.end()) throw std::runtime_error("no node runs");
  return static_cast<int>(found - nodes_.begin());
}

// A server that has become a replica a moment ago says nothing while it reads its primary's data.
std::vector<NodeView> TestCluster::view_of(int index) const {
  std::string text;
  const auto told = [&] {
    Client client = node(index).connect();
    const auto reply = client.command({"CLUSTER", "NODES"});
    if (reply.is_error() && !reply.text.starts_with("LOADING")) throw std::runtime_error(reply.text);
    text = reply.text;
    return !reply.is_error();
  };
  if (!wait_until(told, Milliseconds(10'000))) throw std::runtime_error("still " + text);
  return parse_nodes(text);
}

std::array<int, kSlots> TestCluster::owners() const {
  std::array<int, kSlots> owners{};
  owners.fill(-1);
  for (int index = 0; index < size(); ++index) {
    if (!nodes_[static_cast<size_t>(index)]->running()) continue;
    const auto views = view_of(index);
    const auto own =
        std::ranges::find_if(views, [](const NodeView& view) { return view.flags.contains("myself"); });
    if (own == views.end() || !own->flags.contains("master")) continue;
    for (const int slot : slots_in(own->slots)) {
      int& owner = owners[static_cast<size_t>(slot)];
      if (owner >= 0) throw std::runtime_error("slot " + std::to_string(slot) + " is owned twice");
      owner = index;
    }
  }
  return owners;
}

int64_t TestCluster::slots_of(int index) const {
  const auto all = owners();
  return std::ranges::count(all, index);
}

int TestCluster::add_empty_primary() { return add_empty_primary(version_, options_.server); }

int TestCluster::add_empty_primary(const ServerVersion& version, const ServerOptions& options) {
  const int index = start_node(version, options);
  introduce(index);
  wait_until_agreed();
  return index;
}

int TestCluster::add_replica(int primary) {
  const int index = add_empty_primary(node(primary).version(), options_.server);
  replicate(index, primary);
  wait_until_agreed();
  return index;
}

bool TestCluster::agreed() const {
  std::string first;
  size_t running = 0;
  for (const auto& server : nodes_) running += server->running() ? 1 : 0;
  for (int index = 0; index < size(); ++index) {
    if (!nodes_[static_cast<size_t>(index)]->running()) continue;
    const auto views = view_of(index);
    if (views.size() < running || !sound(views)) return false;
    if (first.empty()) first = essence(views);
    if (essence(views) != first) return false;
    Client client = node(index).connect();
    if (info_field(client.must({"CLUSTER", "INFO"}).text, "cluster_state") != "ok" || !in_sync(client))
      return false;
  }
  return true;
}

void TestCluster::wait_until_agreed(Milliseconds limit) const {
  const auto all_agree = [this] {
    try {
      return agreed();
    } catch (const std::exception&) {
      return false;  // one that loads its data refuses to answer
    }
  };
  if (wait_until(all_agree, limit)) return;
  std::string text;
  for (int index = 0; index < size(); ++index)
    if (nodes_[static_cast<size_t>(index)]->running())
      text += "node " + std::to_string(index) + ":\n" + command(index, {"CLUSTER", "NODES"}).text;
  throw std::runtime_error("the nodes do not agree:\n" + text);
}

Judgement TestCluster::check() const {
  const Endpoint to = seed();
  std::vector<std::string> command{node(asked()).version().cli.string()};
  RunOptions options;
  if (!to.password.empty()) options.environment["REDISCLI_AUTH"] = to.password;
  if (!to.user.empty()) command.insert(command.end(), {"--user", to.user});
  if (!to.ca.empty())
    command.insert(command.end(), {"--tls", "--cacert", to.ca.string(), "--cert", to.certificate.string(),
                                   "--key", to.key.string()});
  command.insert(command.end(), {"--cluster", "check", to.host + ":" + std::to_string(to.port)});
  const Finished result = run(command, options);
  return {result.exit_code == 0, result.out + result.err};
}

std::size_t slots_claimed_by(const TestCluster& cluster, int index) {
  const auto views = cluster.view_of(index);
  const auto own =
      std::ranges::find_if(views, [](const auto& view) { return view.flags.contains("myself"); });
  return own == views.end() ? 0 : slots_in(own->slots).size();
}

}  // namespace rig
