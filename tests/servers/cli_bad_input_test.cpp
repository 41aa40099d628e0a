// Whatever is wrong with the input: an exit code, a sentence, and nothing that moved.
#include <functional>

#include "servers/cli_rig.h"

namespace rebalance {
namespace {

using Folder = std::filesystem::path;
using testing::HasSubstr;

constexpr int kInvalid = 2;
constexpr int kRefused = 3;

void expect_refusal(rig::TestCluster& cluster, const Folder& folder, int code,
                    const std::vector<std::string>& words) {
  for (const char* command : {"plan", "run"}) {
    Untouched untouched(cluster);
    const auto finished = program(command, folder);
    const auto said = finished.out + finished.err;
    EXPECT_EQ(finished.exit_code, code) << command << "\n" << said;
    for (const auto& word : words) EXPECT_THAT(said, HasSubstr(word)) << command;
    untouched.expect(said);
  }
}

// What files alone can get wrong.
struct FileCase {
  const char* name;
  std::string goal = kBalance;
  std::string spec;  // beside kEagerSpec
  int code = kInvalid;
  std::vector<std::string> words;
  std::function<void(const Folder&)> edit = [](const Folder&) {};
  std::int64_t limit = 256 << 20;
};

std::string moves(const std::string& assignments) {
  return "type: Move\nmove: {assignments: [" + assignments + "]}";
}

const std::vector<FileCase>& file_cases() {
  static const std::vector<FileCase> kCases = {
      {.name = "NoSuchFile",
       .words = {"no RedisRebalance in "},
       .edit =
           [](const Folder& folder) {
             std::filesystem::rename(folder / "rebalance.yaml", folder / "rebalance.txt");
           }},
      {.name = "BrokenYaml",
       .words = {"rebalance.yaml:"},
       .edit = [](const Folder& folder) { replace_in(folder / "rebalance.yaml", "spec:", "spec: ["); }},
      {.name = "UnknownField",
       .spec = "headrom: {minFreePercent: 10}",
       .words = {"headrom", "did you mean headroom?"}},
      {.name = "BadQuantity", .spec = "batch: {maxBytes: 12Q}", .words = {"spec.batch.maxBytes", "12Q"}},
      {.name = "PercentOutOfRange",
       .spec = "headroom: {minFreePercent: 101}",
       .words = {"spec.headroom.minFreePercent"}},
      {.name = "OverlappingSlots",
       .goal = moves("{slots: 0-10, to: redis-3}, {slots: 5-6, to: redis-1}"),
       .words = {"assignments"}},
      {.name = "ReversedSlots", .goal = moves("{slots: 9-3, to: redis-3}"), .words = {"slots"}},
      {.name = "SlotTooLarge", .goal = moves("{slots: \"16384\", to: redis-3}"), .words = {"slots"}},
      {.name = "TargetThatIsNoPod", .goal = moves("{slots: 0-3, to: redis-9}"), .words = {"redis-9"}},
      {.name = "SelectorThatMatchesNothing",
       .words = {"app=nobody"},
       .edit =
           [](const Folder& folder) {
             replace_in(folder / "rebalance.yaml", "app: redis-cluster", "app: nobody");
           }},
      {.name = "DrainOfAllPrimaries",
       .goal = "type: Drain\ndrain: {pods: [redis-0, redis-1, redis-2, redis-3]}",
       .words = {"drain"}},
      {.name = "PodWithoutLimit", .code = kRefused, .words = {"no memory limit"}, .limit = 0},
  };
  return kCases;
}

class BadFiles : public testing::TestWithParam<FileCase> {
 protected:
  static void SetUpTestSuite() { cluster_ = lopsided(); }
  static void TearDownTestSuite() { cluster_.reset(); }
  static std::unique_ptr<rig::TestCluster> cluster_;
  rig::TempFolder folder_;
};
std::unique_ptr<rig::TestCluster> BadFiles::cluster_;

INSTANTIATE_TEST_SUITE_P(Table, BadFiles, testing::ValuesIn(file_cases()),
                         [](const auto& tested) { return tested.param.name; });

TEST_P(BadFiles, AreRefusedBeforeAnythingMoves) {
  const auto& wrong = GetParam();
  rig::write_manifests(folder_.path(), *cluster_,
                       {.goal = wrong.goal, .spec = kEagerSpec + wrong.spec, .default_limit = wrong.limit});
  wrong.edit(folder_.path());
  expect_refusal(*cluster_, folder_.path(), wrong.code, wrong.words);
}

// The same input without a fault moves slots: it is the fault that stops the others.
TEST(BadInput, TheSameInputWithoutAFaultMoves) {
  const auto cluster = lopsided();
  const rig::TempFolder folder;
  rig::write_manifests(folder.path(), *cluster, {.goal = kBalance, .spec = kEagerSpec});
  const auto finished = program("run", folder.path());
  EXPECT_EQ(finished.exit_code, 0) << finished.out << finished.err;
  EXPECT_GT(cluster->slots_of(3), 3000);
  EXPECT_TRUE(cluster->check().clean);
}

TEST(BadInput, AFileThatIsNotThereIsNamed) {
  const auto finished = rig::run({PROGRAM, "plan", "-f", "/nowhere/rebalance.yaml"});
  EXPECT_EQ(finished.exit_code, kInvalid);
  EXPECT_THAT(finished.err, HasSubstr("/nowhere/rebalance.yaml"));
}

TEST(BadInput, PodsOfTwoClustersAreRefused) {
  const auto cluster = lopsided();
  rig::TestCluster other(rig::version_named("r70"), {.primaries = 1});
  const rig::TempFolder folder, others;
  rig::write_manifests(folder.path(), *cluster, {.goal = kBalance, .spec = kEagerSpec});
  rig::write_manifests(others.path(), other);
  replace_in(others.path() / "pods.yaml", "    name: redis-", "    name: other-");
  std::filesystem::copy_file(others.path() / "pods.yaml", folder.path() / "others.yaml");
  expect_refusal(*cluster, folder.path(), kRefused, {"ForeignNode"});
}

std::string secret(const std::string& name, const std::map<std::string, std::string>& entries) {
  std::string text =
      "apiVersion: v1\nkind: Secret\nmetadata: {name: " + name + ", namespace: default}\ndata:\n";
  for (const auto& [key, value] : entries) {
    text += "  " + key + ": " + rig::run({"base64", "-w0"}, {.input = value}).out + "\n";
  }
  return text;
}

TEST(BadInput, AWrongPasswordIsRefusedAndNeverShown) {
  const auto cluster = lopsided({.server = {.password = "the-right-one"}});
  const rig::TempFolder folder;
  rig::write_manifests(folder.path(), *cluster, {.goal = kBalance, .spec = kEagerSpec});
  rig::write_file(folder.path() / "secrets.yaml",
                  secret("redis-auth", {{"username", "default"}, {"password", "not-the-one"}}));
  expect_refusal(*cluster, folder.path(), kRefused, {"wrong password"});
  const auto said = program("run", folder.path(), {"--verbose"});
  EXPECT_THAT(said.out + said.err, testing::Not(HasSubstr("not-the-one")));
}

struct TlsCase : testing::Test {
  std::unique_ptr<rig::TestCluster> cluster = lopsided({.tls = true});
  rig::TempFolder folder;

  void manifests(const std::string& server_name = "localhost") {
    rig::write_manifests(folder.path(), *cluster,
                         {.goal = kBalance, .spec = kEagerSpec, .server_name = server_name});
  }
  void tls_secret(const Folder& ca, const rig::CertificateFiles& own) {
    rig::write_file(folder.path() / "secrets.yaml",
                    secret("redis-tls", {{"ca.crt", rig::read_file(ca)},
                                         {"tls.crt", rig::read_file(own.certificate)},
                                         {"tls.key", rig::read_file(own.key)}}));
  }
};

TEST_F(TlsCase, WithTheRightCertificatesThereIsAPlan) {
  manifests();
  const auto finished = program("plan", folder.path());
  EXPECT_EQ(finished.exit_code, 0) << finished.out << finished.err;
}

TEST_F(TlsCase, AServerOfAnotherAuthorityIsRefused) {
  manifests();
  const rig::TempFolder elsewhere;
  const rig::CertificateAuthority other(elsewhere.path(), "other");
  tls_secret(other.certificate(), cluster->ca()->issue("client"));
  expect_refusal(*cluster, folder.path(), kRefused, {"certificate"});
}

TEST_F(TlsCase, AServerOfAnotherNameIsRefused) {
  manifests("redis.elsewhere.example");
  expect_refusal(*cluster, folder.path(), kRefused, {"redis.elsewhere.example"});
}

TEST_F(TlsCase, AnExpiredCertificateOfTheClientIsRefused) {
  manifests();
  tls_secret(cluster->ca()->certificate(), cluster->ca()->issue("late-client", {.expired = true}));
  expect_refusal(*cluster, folder.path(), kRefused, {"certificate"});
}

TEST_F(TlsCase, AnExpiredCertificateOfAServerIsRefused) {
  manifests();
  const auto late = cluster->ca()->issue("late-server", {.expired = true});
  Untouched untouched(*cluster);
  auto client = cluster->node(0).connect();
  client.must(
      {"CONFIG", "SET", "tls-cert-file", late.certificate.string(), "tls-key-file", late.key.string()});
  client.must({"CONFIG", "RESETSTAT"});
  const auto finished = program("run", folder.path());
  EXPECT_EQ(finished.exit_code, kRefused);
  EXPECT_THAT(finished.out + finished.err, HasSubstr("expired"));
  untouched.expect(finished.err);
}

TEST(BadInput, ANodeThatCannotBeReachedIsNamed) {
  const auto cluster = lopsided();
  const rig::TempFolder folder;
  rig::write_manifests(folder.path(), *cluster, {.goal = kBalance, .spec = kEagerSpec});
  cluster->node(2).kill_hard();
  expect_refusal(*cluster, folder.path(), kRefused, {"NodeUnreachable", "redis-2"});
}

TEST(BadInput, AClusterThatIsDownIsLeftAlone) {
  const auto cluster = lopsided();
  const rig::TempFolder folder;
  rig::write_manifests(folder.path(), *cluster, {.goal = kBalance, .spec = kEagerSpec});
  const int owner = cluster->owner_of(77);
  for (int i = 0; i < cluster->size(); ++i) cluster->command(i, {"CLUSTER", "DELSLOTS", "77"});
  ASSERT_TRUE(rig::wait_until(
      [&] {
        return rig::info_field(cluster->command(owner, {"CLUSTER", "INFO"}).text, "cluster_state") == "fail";
      },
      rig::Milliseconds(15'000)));
  expect_refusal(*cluster, folder.path(), kRefused, {"ClusterStateNotOk"});
}

TEST(BadInput, OpenSlotsOfSomebodyElseAreLeftAlone) {
  const auto cluster = lopsided();
  const rig::TempFolder folder;
  rig::write_manifests(folder.path(), *cluster, {.goal = kBalance, .spec = kEagerSpec});
  const int owner = cluster->owner_of(77);
  cluster->command(3, {"CLUSTER", "SETSLOT", "77", "IMPORTING", cluster->node_id(owner)});
  cluster->command(owner, {"CLUSTER", "SETSLOT", "77", "MIGRATING", cluster->node_id(3)});
  expect_refusal(*cluster, folder.path(), kRefused, {"OpenSlots", "77"});
}

TEST(BadInput, ATargetThatWouldEvictIsRefused) {
  const auto cluster = lopsided({}, "r70", 20'000);
  const rig::TempFolder folder;
  rig::write_manifests(folder.path(), *cluster,
                       {.goal = moves("{slots: 0-5000, to: redis-3}"), .spec = kEagerSpec});
  const auto used = std::stoll(rig::info_field(cluster->command(3, {"INFO", "memory"}).text, "used_memory"));
  cluster->command(3, {"CONFIG", "SET", "maxmemory-policy", "allkeys-lru"});
  cluster->command(3, {"CONFIG", "SET", "maxmemory", std::to_string(used + 500'000)});
  expect_refusal(*cluster, folder.path(), kRefused, {"Eviction", "allkeys-lru"});
}

TEST(BadInput, ATargetTooOldForTheDataIsRefused) {
  rig::TestCluster cluster(rig::version_named("r70"), {.primaries = 2});
  cluster.add_empty_primary(rig::version_named("r60"), {});
  cluster.wait_until_agreed();
  rig::fill(cluster.seed(), {.keys = 2000});
  const rig::TempFolder folder;
  rig::write_manifests(folder.path(), cluster,
                       {.goal = moves("{slots: 0-999, to: redis-2}"), .spec = kEagerSpec});
  expect_refusal(cluster, folder.path(), kRefused, {"TargetTooOld", "too old"});
}

}  // namespace
}  // namespace rebalance
