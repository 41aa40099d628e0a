// What the tests of Flux and of Argo CD share: Git, an API server, a real cluster whose pods are in the
// namespace shop, and the operator, which runs beside the API server with the account that was installed from
// Git; as there is no node, the test says of its Deployment what a kubelet would.
#pragma once

#include <nlohmann/json.hpp>

#include "kube/operator_rig.h"
#include "rig/git_server.h"

namespace rebalance {

inline constexpr const char* kOperatorSpace = "redis-rebalance-system";
inline constexpr const char* kDeployment =
    "/apis/apps/v1/namespaces/redis-rebalance-system/deployments/redis-rebalance-operator";
inline constexpr const char* kDefinition =
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/redisrebalances.redisrebalance.io";
inline constexpr const char* kManual = "approval: {mode: Manual}\n";

inline void replace(std::string& text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  if (at == std::string::npos) throw std::runtime_error("there is no " + from);
  text.replace(at, from.size(), to);
}

// All that a case stands on; each has its own, since names and the installation are fixed.
struct GitOpsWorld {
  explicit GitOpsWorld(const std::string& space_of_tool) {
    for (const auto& name : {space_of_tool, std::string("shop")})
      api.create("/api/v1/namespaces", nlohmann::json{{"metadata", {{"name", name}}}}.dump());
    rig::fill(cluster.seed(), {.keys = 20'000});
    rig::write_pods(api, "shop", cluster);
  }

  rig::ControlPlane plane;
  rig::KubeApi api = plane.admin();
  rig::GitServer git;
  rig::TempFolder folder;
  rig::TestCluster cluster{rig::version_named("r70"), {.primaries = 3, .empty_primaries = 1}};
  std::unique_ptr<Started> running;
};

class GitOpsTest : public testing::Test {
 protected:
  void begin_in(const std::string& space_of_tool) { world_ = std::make_unique<GitOpsWorld>(space_of_tool); }
  GitOpsWorld& world() { return *world_; }
  const rig::KubeApi& api() { return world_->api; }

  // The shop's repository: a RedisRebalance called balance, which names no namespace.
  std::string commit(const std::string& more, const std::string& goal = "type: Balance") {
    std::string yaml =
        rig::rebalance_yaml(world_->cluster, {.name = "balance",
                                              .name_space = "shop",
                                              .goal = goal,
                                              .spec = kAlone + std::string("observeSeconds: 0\n") + more});
    replace(yaml, "  namespace: shop\n", "");
    return world_->git.commit("shop", {{"shop/redis-rebalance/balance.yaml", yaml}});
  }
  // This repository, as far as it is installed from.
  void commit_installation() {
    std::map<std::string, std::string> files;
    for (const char* folder : {"config", "charts"})
      for (const auto& file :
           std::filesystem::recursive_directory_iterator(std::filesystem::path(SOURCE_FOLDER) / folder))
        if (file.is_regular_file())
          files[std::filesystem::relative(file.path(), SOURCE_FOLDER)] = rig::read_file(file.path());
    world_->git.commit("redis-rebalance", files);
  }
  // A manifest of gitops/ with the addresses of this test.
  std::string manifest(const std::string& name) {
    std::string text = rig::read_file(std::filesystem::path(SOURCE_FOLDER) / "gitops" / name);
    for (const char* repository : {"redis-rebalance", "shop"}) {
      const std::string example = "https://git.example.org/" + std::string(repository) + ".git";
      while (text.find(example) != std::string::npos) replace(text, example, world_->git.url(repository));
    }
    return text;
  }
  void kubectl(const std::vector<std::string>& words, const std::string& input = "") {
    const auto done = world_->plane.kubectl(words, input);
    EXPECT_EQ(done.exit_code, 0) << done.err;
  }

  // Installs from Git and from the tool's manifest; all that can be told when it goes wrong.
  virtual void apply_manifest() = 0;
  virtual std::string told() = 0;
  // All of it, as one who follows docs/gitops.md does it.
  void install(const std::string& more, const std::string& goal = "type: Balance") {
    commit(more, goal);
    apply_manifest();
    ASSERT_TRUE(comes_to_be(kDeployment)) << told();
    let_the_operator_be_available();
    start_operator();
  }
  // Asks the tool and the object until the work is done: the tool must not call it `done` before it is Ready,
  // as it is while it is observed. How often it was asked.
  template <typename Done>
  int is_never_done_before_the_end(Done done) {
    for (int asked = 1;; ++asked) {
      const bool early = done();
      const std::string now = state();
      if (now == "Succeeded") return asked;
      const bool wrong = early && now != "Observing";
      EXPECT_FALSE(wrong) << now;
      if (wrong || asked > 5000) return 0;
      rig::nap(rig::Milliseconds(25));
    }
  }

  // What a Deployment's status says once its pod is ready.
  void let_the_operator_be_available() {
    const std::string generation = api().field(kDeployment, "/metadata/generation").value_or("1");
    api().merge(
        std::string(kDeployment) + "/status",
        R"({"status": {"observedGeneration": )" + generation +
            R"(, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1, "conditions": [
        {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"},
        {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}]}})");
  }
  void start_operator() {
    const auto config =
        world_->plane.kubeconfig(world_->plane.token_of(kOperatorSpace, "redis-rebalance-operator"));
    world_->running = std::make_unique<Started>(
        std::vector<std::string>{PROGRAM, "operator", "--kubeconfig", config, "--own-namespace",
                                 kOperatorSpace, "--metrics-address", "127.0.0.1:0"},
        world_->folder.path() / "said");
  }
  void forget_the_definition() {
    api().remove(kDefinition);
    ASSERT_TRUE(rig::wait_until([&] { return !api().exists(kDefinition); }, kSoon));
  }
  void pause_by_kubectl() {
    kubectl({"patch", "rrb", "balance", "--namespace", "shop", "--type", "merge", "--patch",
             R"({"spec": {"execution": "Paused"}})"});
  }
  rig::Finished type(std::vector<std::string> words) {
    words.insert(words.begin(), PROGRAM);
    words.insert(words.end(), {"--kubeconfig", world_->plane.kubeconfig(), "--namespace", "shop"});
    return rig::run(words);
  }

  static std::string path() { return rig::rebalance_path("shop", "balance"); }
  std::string state() { return api().field(path(), "/status/state").value_or(""); }
  bool reaches(const std::string& wanted, rig::Milliseconds limit = kWork) {
    return rig::wait_until([&] { return state() == wanted; }, limit);
  }
  bool comes_to_be(const std::string& what, rig::Milliseconds limit = kSoon) {
    return rig::wait_until([&] { return api().exists(what); }, limit);
  }
  std::string condition(const std::string& path, const std::string& type, const std::string& what) {
    const auto answer = api().send("GET", path);
    if (!answer.ok()) return {};
    const auto object = nlohmann::json::parse(answer.body);
    for (const auto& each :
         object.value(nlohmann::json::json_pointer("/status/conditions"), nlohmann::json::array()))
      if (each.at("type") == type) return each.at(what);
    return {};
  }
  std::string status_of(const std::string& what) {
    return nlohmann::json::parse(api().send("GET", what).body).value("status", nlohmann::json()).dump() +
           "\n";
  }
  std::string said_by_operator() { return world_->running ? world_->running->said() : ""; }

 private:
  std::unique_ptr<GitOpsWorld> world_;
};

}  // namespace rebalance
