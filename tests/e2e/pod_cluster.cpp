#include "e2e/pod_cluster.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

namespace rebalance {
namespace {

using rig::Milliseconds;

constexpr Milliseconds kStart{180'000};
constexpr int kOwners = 3;

double mebibytes(std::int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

void must(const rig::Finished& done) {
  if (done.exit_code != 0) throw std::runtime_error(done.out + done.err);
}

}  // namespace

PodCluster::PodCluster(const rig::KubeNode& node, std::string name_space, std::int64_t limit_bytes)
    : node_(node), space_(std::move(name_space)) {
  start(limit_bytes);
  join();
}

PodCluster::~PodCluster() { node_.kubectl({"delete", "namespace", space_, "--wait=false"}); }

void PodCluster::start(std::int64_t limit_bytes) const {
  must(node_.kubectl({"create", "namespace", space_}));
  std::string manifest = rig::read_file(std::filesystem::path(SOURCE_FOLDER) / "tests/e2e/redis.yaml");
  const std::string_view placeholder = "memory: LIMIT";
  for (auto at = manifest.find(placeholder); at != std::string::npos; at = manifest.find(placeholder))
    manifest.replace(at, placeholder.size(), fmt::format("memory: \"{}\"", limit_bytes));
  must(node_.kubectl({"apply", "--namespace", space_, "-f", "-"}, manifest));
}

void PodCluster::join() {
  const rig::KubeApi api = node_.admin();
  for (int i = 0; i < kPods; ++i) {
    const auto path = rig::core_path(space_, "pods", pod(i));
    const auto ready = [&] { return api.field(path, "/status/containerStatuses/0/ready") == "true"; };
    if (!eventually(ready, kStart))
      throw std::runtime_error(pod(i) + " did not start: " + api.send("GET", path).body);
    ips_.push_back(api.field(path, "/status/podIP").value_or(""));
  }
  for (int i = 0; i < kPods; ++i) {
    rig::Client client(endpoint(i));
    client.must({"CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1)});
    for (int other = 0; other < i; ++other) client.must({"CLUSTER", "MEET", endpoint(other).host, "6379"});
    if (i < kOwners)
      client.must({"CLUSTER", "ADDSLOTSRANGE", std::to_string(rig::kSlots * i / kOwners),
                   std::to_string(rig::kSlots * (i + 1) / kOwners - 1)});
  }
  if (!rig::wait_until([&] { return agreed(); }, kStart))
    throw std::runtime_error("the servers do not agree");
}

bool PodCluster::agreed() const {
  for (int i = 0; i < kPods; ++i) {
    rig::Client client(endpoint(i));
    const auto info = client.must({"CLUSTER", "INFO"}).text;
    if (rig::info_field(info, "cluster_state") != "ok") return false;
    const auto views = rig::parse_nodes(client.must({"CLUSTER", "NODES"}).text);
    const auto sound = [](const auto& view) {
      return !view.flags.contains("fail") && !view.flags.contains("handshake");
    };
    if (std::ssize(views) != kPods || !std::ranges::all_of(views, sound)) return false;
  }
  return redis_cli({"--cluster", "check", seed().host + ":6379"}).exit_code == 0;
}

std::string PodCluster::node_id(int index) const {
  return rig::Client(endpoint(index)).must({"CLUSTER", "MYID"}).text;
}

std::int64_t PodCluster::slots_of(int index) const {
  for (const auto& view : rig::parse_nodes(rig::Client(endpoint(index)).must({"CLUSTER", "NODES"}).text))
    if (view.flags.contains("myself")) return std::ssize(rig::slots_in(view.slots));
  return 0;
}

bool PodCluster::any_slot_open() const {
  for (int i = 0; i < kPods; ++i)
    for (const auto& view : rig::parse_nodes(rig::Client(endpoint(i)).must({"CLUSTER", "NODES"}).text))
      if (!view.open.empty()) return true;
  return false;
}

std::string PodCluster::container(int index, const std::string& pointer) const {
  return node_.admin()
      .field(rig::core_path(space_, "pods", pod(index)), "/status/containerStatuses/0" + pointer)
      .value_or("");
}

rig::Finished PodCluster::redis_cli(const std::vector<std::string>& arguments) const {
  std::vector<std::string> words{rig::version_named("r70").cli};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return rig::run(words, {.limit = Milliseconds(300'000)});
}

std::string PodCluster::memory_text() const {
  std::string text;
  for (int i = 0; i < kPods; ++i) {
    const auto usage = memory(i);
    text += fmt::format("{}: {:.1f}Mi, peak {:.1f}Mi of {:.1f}Mi; ", pod(i), mebibytes(usage.anonymous),
                        mebibytes(usage.peak), mebibytes(usage.limit));
  }
  return text + "\n";
}

void PodCluster::expect_nobody_restarted() const {
  for (int i = 0; i < kPods; ++i) {
    EXPECT_EQ(container(i, "/restartCount"), "0") << pod(i) << ": " << container(i, "/lastState");
    EXPECT_EQ(memory(i).oom_kills, 0) << pod(i);
  }
}

void PodCluster::expect_clean() const {
  EXPECT_TRUE(rig::wait_until([&] { return agreed(); }, kStart))
      << redis_cli({"--cluster", "check", seed().host + ":6379"}).out;
  EXPECT_FALSE(any_slot_open());
}

}  // namespace rebalance
