// One right after the other is missing in the role that the plain manifest gives: what the operator says of
// it, that it moves nothing that it could not answer for, and that it goes on by itself when it is given.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "kube/operator_rig.h"

namespace rebalance {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

// Where a missing right is told: where who needs it looks first.
enum class Told {
  kReadyz,     // and in the log: the operator cannot see what it works on
  kStatus,     // of the RedisRebalance, which waits
  kLog,        // the work goes on as long as it may: lists instead of watches, a lease until it runs out
  kNotNeeded,  // for a move that nothing disturbs
};

struct Right {
  bool own = false;  // in the operator's own namespace, not where it works
  std::string group, resource, verb;
  Told told = Told::kNotNeeded;

  std::string text() const { return (own ? "own " : "") + group + "/" + resource + " " + verb; }
};

void PrintTo(const Right& right, std::ostream* out) { *out << right.text(); }

constexpr const char* kGroup = "redisrebalance.io";
constexpr const char* kLeases = "coordination.k8s.io";

// Every right of the manifest: `TheTableHasEveryRightOfTheManifest` compares.
const std::vector<Right>& all_rights() {
  static const std::vector<Right> rights = {
      {false, kGroup, "redisrebalances", "get", Told::kNotNeeded},
      {false, kGroup, "redisrebalances", "list", Told::kReadyz},
      {false, kGroup, "redisrebalances", "watch", Told::kLog},
      {false, kGroup, "redisrebalances", "patch", Told::kStatus},
      {false, kGroup, "redisrebalances", "delete", Told::kLog},
      {false, kGroup, "redisrebalances/status", "get", Told::kLog},
      {false, kGroup, "redisrebalances/status", "patch", Told::kLog},
      {false, kGroup, "redisrebalances/status", "update", Told::kNotNeeded},
      {false, kGroup, "redisrebalances/finalizers", "update", Told::kNotNeeded},
      {false, "", "pods", "get", Told::kNotNeeded},
      {false, "", "pods", "list", Told::kReadyz},
      {false, "", "pods", "watch", Told::kLog},
      {false, "", "secrets", "get", Told::kStatus},
      {false, "", "configmaps", "get", Told::kStatus},
      {false, "", "configmaps", "create", Told::kStatus},
      {false, "", "configmaps", "patch", Told::kNotNeeded},
      {false, "", "configmaps", "update", Told::kStatus},
      {false, "", "configmaps", "delete", Told::kNotNeeded},
      {false, kLeases, "leases", "get", Told::kStatus},
      {false, kLeases, "leases", "create", Told::kStatus},
      {false, kLeases, "leases", "update", Told::kLog},
      {false, "events.k8s.io", "events", "create", Told::kLog},
      {false, "events.k8s.io", "events", "patch", Told::kNotNeeded},
      {true, kLeases, "leases", "get", Told::kLog},
      {true, kLeases, "leases", "create", Told::kLog},
      {true, kLeases, "leases", "update", Told::kLog},
      {true, "", "configmaps", "get", Told::kNotNeeded},
      {true, "", "configmaps", "list", Told::kReadyz},
      {true, "", "configmaps", "watch", Told::kLog},
  };
  return rights;
}

// One of each way to be told.
std::vector<Right> some_rights() {
  auto some = all_rights();
  std::erase_if(some, [](const Right& right) {
    return right.text() != "redisrebalance.io/redisrebalances list" &&
           right.text() != "redisrebalance.io/redisrebalances/status patch" &&
           right.text() != "/secrets get" && right.text() != "/configmaps create";
  });
  return some;
}

// The rules of the plain manifest: of where it works, and of its own namespace.
json manifest_rules(bool own) {
  static const std::string text = [] {
    const auto file = std::filesystem::path(SOURCE_FOLDER) / "config/install.yaml";
    return rig::ControlPlane::shared().kubectl({"create", "--dry-run=client", "-o", "json", "-f", file}).out;
  }();
  std::istringstream in(text);
  for (json object; in >> object; in >> std::ws) {
    if (object.at("metadata").at("name") == std::string("redis-rebalance-operator") + (own ? "-own" : "") &&
        object.at("kind") == (own ? "Role" : "ClusterRole"))
      return object.at("rules");
  }
  throw std::runtime_error("the manifest has no such role: " + text.substr(0, 200));
}

TEST(OperatorRights, TheTableHasEveryRightOfTheManifest) {
  std::multiset<std::string> in_table, in_manifest;
  for (const auto& right : all_rights()) in_table.insert(right.text());
  for (const bool own : {false, true}) {
    for (const auto& rule : manifest_rules(own)) {
      for (const auto& verb : rule.at("verbs"))
        in_manifest.insert(Right{own, rule.at("apiGroups").at(0), rule.at("resources").at(0), verb}.text());
    }
  }
  EXPECT_EQ(in_table, in_manifest);
}

class OperatorWithout : public OperatorTest, public testing::WithParamInterface<Right> {
 protected:
  OperatorWithout()
      : OperatorTest({.primaries = 2, .server = {.password = "secret-of-the-cluster"}}, 300, Rights::kNone) {
    own_space_ = plane_.new_namespace("own");
    for (const bool own : {false, true}) bind(own);
    plane_.token_of(space_, "operator");
    set_missing(true);
  }

  void set_missing(bool missing) {
    json rules = manifest_rules(GetParam().own);
    if (missing) {
      for (auto& rule : rules) {
        if (rule.at("apiGroups").at(0) != GetParam().group ||
            rule.at("resources").at(0) != GetParam().resource)
          continue;
        auto& verbs = rule.at("verbs");
        verbs.erase(std::ranges::find(verbs, json(GetParam().verb)));
      }
      std::erase_if(rules.get_ref<json::array_t&>(),
                    [](const json& rule) { return rule.at("verbs").empty(); });
    }
    api_.apply(roles(GetParam().own) + "/roles/operator", json{{"apiVersion", "rbac.authorization.k8s.io/v1"},
                                                               {"kind", "Role"},
                                                               {"metadata", {{"name", "operator"}}},
                                                               {"rules", rules}}
                                                              .dump());
    ASSERT_TRUE(rig::wait_until([&] { return may() != missing; }, kSoon)) << GetParam().text();
  }

  void tells_and_goes_on();

  // What the server says of it: verb, resource, namespace.
  std::string sentence() const {
    return fmt::format("cannot {} resource \"{}\" in API group \"{}\" in the namespace \"{}\"",
                       GetParam().verb, GetParam().resource, GetParam().group, space_of(GetParam().own));
  }
  bool in_status() const {
    const auto answer = api_.send("GET", path());
    const auto quoted = json(sentence()).dump();
    return answer.ok() && json::parse(answer.body)
                                  .value("status", json())
                                  .dump()
                                  .find(quoted.substr(1, quoted.size() - 2)) != std::string::npos;
  }
  bool told_of(const Started& running) const {
    switch (GetParam().told) {
      case Told::kReadyz: return asked(running, "/readyz").find(sentence()) != std::string::npos;
      case Told::kStatus: return in_status();
      default: return running.said().find(sentence()) != std::string::npos;
    }
  }

 private:
  const std::string& space_of(bool own) const { return own ? own_space_ : space_; }
  std::string roles(bool own) const {
    return "/apis/rbac.authorization.k8s.io/v1/namespaces/" + space_of(own);
  }
  void bind(bool own) {
    const json account{{"kind", "ServiceAccount"}, {"name", "operator"}, {"namespace", space_}};
    const json role{{"apiGroup", "rbac.authorization.k8s.io"}, {"kind", "Role"}, {"name", "operator"}};
    api_.create(roles(own) + "/roles",
                json{{"metadata", {{"name", "operator"}}}, {"rules", manifest_rules(own)}}.dump());
    api_.create(
        roles(own) + "/rolebindings",
        json{{"metadata", {{"name", "operator"}}}, {"roleRef", role}, {"subjects", json::array({account})}}
            .dump());
  }
  bool may() const {
    const auto& right = GetParam();
    const auto slash = right.resource.find('/');
    json asked{{"namespace", space_of(right.own)},
               {"verb", right.verb},
               {"group", right.group},
               {"resource", right.resource.substr(0, slash)}};
    if (slash != std::string::npos) asked["subresource"] = right.resource.substr(slash + 1);
    const json review{
        {"spec", {{"user", "system:serviceaccount:" + space_ + ":operator"}, {"resourceAttributes", asked}}}};
    const auto answer = api_.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", review.dump());
    return json::parse(answer).at("status").at("allowed");
  }
};

std::string case_name(const testing::TestParamInfo<Right>& info) {
  std::string name = (info.param.own ? "Own_" : "") + info.param.resource + "_" + info.param.verb;
  std::ranges::replace(name, '/', '_');
  return name;
}
class OperatorWithoutAny : public OperatorWithout {};
INSTANTIATE_TEST_SUITE_P(Operator, OperatorWithout, testing::ValuesIn(some_rights()), case_name);
INSTANTIATE_TEST_SUITE_P(Operator, OperatorWithoutAny, testing::ValuesIn(all_rights()), case_name);

TEST_P(OperatorWithout, SaysWhichRightIsMissingAndGoesOnWhenItIsGiven) { tells_and_goes_on(); }
TEST_P(OperatorWithoutAny, LongSaysWhichRightIsMissingAndGoesOnWhenItIsGiven) { tells_and_goes_on(); }

void OperatorWithout::tells_and_goes_on() {
  const auto running = start({"--leader-elect"});
  const bool renews = GetParam().resource == "leases" && GetParam().verb == "update";  // each 2 s
  const bool deletes = GetParam().resource == "redisrebalances" && GetParam().verb == "delete";
  apply_named("rebalance", move_of("0-20", "redis-1"),
              kAtOnce + std::string(deletes ? "ttlSecondsAfterFinished: 0\n" : ""),
              renews ? "observeSeconds: 4\n" : "observeSeconds: 0\n");
  if (GetParam().told == Told::kNotNeeded) {
    EXPECT_TRUE(reaches("Succeeded")) << told() << running->said();
    EXPECT_THAT(running->said(), Not(HasSubstr("forbidden")));
    return;
  }
  ASSERT_TRUE(rig::wait_until([&] { return told_of(*running); }, kSoon))
      << "not told: " << sentence() << '\n'
      << asked(*running, "/readyz") << told() << running->said();
  if (GetParam().told != Told::kLog) {
    EXPECT_EQ(cluster_.slots_of(1), rig::kSlots / 2) << "moved without " << GetParam().text();
    EXPECT_FALSE(any_slot_open(cluster_));
  }
  set_missing(false);
  EXPECT_TRUE(deletes ? rig::wait_until([&] { return !api_.exists(path()); }, kWork) : reaches("Succeeded"))
      << told() << running->said();
  EXPECT_EQ(cluster_.slots_of(1), rig::kSlots / 2 + 21);
  EXPECT_TRUE(running->process().running());
  expect_clean(cluster_);
}

}  // namespace
}  // namespace rebalance
