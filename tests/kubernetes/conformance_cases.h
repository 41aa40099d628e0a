// What this program counts on in an API server. The fake one and the real one must both pass, so that what is
// tested against the fake holds for the real one: conformance_test.cpp here, and in tests/kube/.
#pragma once

#include <gmock/gmock.h>

#include <functional>
#include <map>
#include <ostream>
#include <random>

#include "kubernetes/client_rig.h"

namespace rebalance {

// Kept for as long as the test runs.
class RunningApiServer {
 public:
  virtual ~RunningApiServer() = default;
  virtual ClusterConfig admin() = 0;
};

struct ApiServerKind {
  std::string name;
  std::function<std::shared_ptr<RunningApiServer>()> start;  // may give the same one again
};
inline void PrintTo(const ApiServerKind& kind, std::ostream* out) { *out << kind.name; }

using ::testing::ElementsAre;
using ::testing::HasSubstr;

inline const ApiResource kConfigMaps{"", "v1", "configmaps"};
inline const ApiResource kDeployments{"apps", "v1", "deployments"};
inline const ApiResource kLeases{"coordination.k8s.io", "v1", "leases"};
constexpr auto kMergePatch = "application/merge-patch+json";
constexpr auto kApply = "application/apply-patch+yaml";

inline Json config_map(const std::string& name, const Json& data = {{"k", "v"}}) {
  return {{"apiVersion", "v1"},
          {"kind", "ConfigMap"},
          {"metadata", {{"name", name}, {"labels", {{"app", name.substr(0, 1)}}}}},
          {"data", data}};
}

inline Json deployment(const std::string& name) {
  const Json labels{{"app", "redis"}};
  return {{"apiVersion", "apps/v1"},
          {"kind", "Deployment"},
          {"metadata", {{"name", name}}},
          {"spec",
           {{"replicas", 1},
            {"selector", {{"matchLabels", labels}}},
            {"template",
             {{"metadata", {{"labels", labels}}},
              {"spec", {{"containers", {{{"name", "c"}, {"image", "i"}}}}}}}}}}};
}

class ApiServerConformance : public ::testing::TestWithParam<ApiServerKind> {
 protected:
  void SetUp() override {
    server_ = GetParam().start();
    const auto config = server_->admin();
    transport_ = make_http_transport(config);
    client_ = std::make_unique<ApiClient>(transport_, transport_);
    const Json space{{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name_space_}}}};
    ASSERT_FALSE(done("POST", "/api/v1/namespaces", space).is_null());
  }

  // What was refused; status 0 when it was not.
  ApiError refused(const std::string& method, const std::string& path, const Json& body = Json::object(),
                   const std::string& type = "application/json") {
    const auto answer = call(method, path, body, type);
    return answer ? ApiError{.message = "accepted"} : answer.error();
  }
  // The answer; null when it was refused.
  Json done(const std::string& method, const std::string& path, const Json& body = Json::object(),
            const std::string& type = "application/json") {
    const auto answer = call(method, path, body, type);
    EXPECT_TRUE(answer) << answer.error().message;
    return answer ? Json::parse(*answer) : Json();
  }
  ApiResult<std::string> call(const std::string& method, const std::string& path, const Json& body,
                              const std::string& type) {
    return client_->call(method == "GET" ? get(path) : with_body(method, path, body, type), {});
  }

  std::string maps(const std::string& name = "") const { return api_path(kConfigMaps, name_space_, name); }
  std::string deployments(const std::string& name = "", const std::string& subresource = "") const {
    return api_path(kDeployments, name_space_, name, subresource);
  }
  Json create_map(const std::string& name) { return done("POST", maps(), config_map(name)); }
  static std::string version_of(const Json& object) { return object["metadata"]["resourceVersion"]; }
  static std::vector<std::string> names_of(const Json& list) {
    std::vector<std::string> names;
    for (const auto& item : list["items"]) {
      const auto name = item["metadata"]["name"].get<std::string>();
      if (name != "kube-root-ca.crt") names.push_back(name);
    }
    return names;
  }

  const std::string name_space_ = "conformance-" + std::to_string(std::random_device{}());
  std::shared_ptr<RunningApiServer> server_;
  std::shared_ptr<Transport> transport_;
  std::unique_ptr<ApiClient> client_;
};

TEST_P(ApiServerConformance, CreatesAndGives) {
  const auto made = create_map("a");
  EXPECT_FALSE(made["metadata"]["uid"].get<std::string>().empty());
  EXPECT_EQ(made["metadata"]["namespace"], name_space_);
  EXPECT_TRUE(made["metadata"].contains("creationTimestamp"));
  EXPECT_EQ(done("GET", maps("a")), made);
}

TEST_P(ApiServerConformance, RefusesWithAReason) {
  create_map("a");
  const auto again = refused("POST", maps(), config_map("a"));
  EXPECT_TRUE(again.exists()) << again.message;
  const auto absent = refused("GET", maps("none"));
  EXPECT_TRUE(absent.not_found());
  EXPECT_EQ(absent.reason, "NotFound");
  EXPECT_THAT(absent.message, HasSubstr("configmaps \"none\" not found"));
  EXPECT_TRUE(refused("PUT", maps("none"), config_map("none")).status >= 400);
}

TEST_P(ApiServerConformance, RefusesAnUpdateOfAStaleVersion) {
  auto object = create_map("a");
  auto newer = object;
  newer["data"]["k"] = "w";
  newer = done("PUT", maps("a"), newer);
  EXPECT_NE(version_of(newer), version_of(object));
  object["data"]["k"] = "x";
  EXPECT_TRUE(refused("PUT", maps("a"), object).conflict());
  const Json patch{{"metadata", {{"resourceVersion", version_of(object)}}}, {"data", {{"k", "x"}}}};
  EXPECT_TRUE(refused("PATCH", maps("a"), patch, kMergePatch).conflict());
  EXPECT_EQ(done("GET", maps("a"))["data"]["k"], "w");
}

TEST_P(ApiServerConformance, AnUpdateThatChangesNothingKeepsTheVersion) {
  const auto object = create_map("a");
  EXPECT_EQ(version_of(done("PUT", maps("a"), object)), version_of(object));
}

TEST_P(ApiServerConformance, MergesAPatch) {
  create_map("a");
  const auto patched = done("PATCH", maps("a"), {{"data", {{"k", nullptr}, {"l", "m"}}}}, kMergePatch);
  EXPECT_EQ(patched["data"], Json({{"l", "m"}}));
}

TEST_P(ApiServerConformance, ALeaseIsUpdatedOnlyByItsVersion) {
  const auto path = api_path(kLeases, name_space_);
  const Json lease{{"apiVersion", "coordination.k8s.io/v1"},
                   {"kind", "Lease"},
                   {"metadata", {{"name", "leader"}}},
                   {"spec",
                    {{"holderIdentity", "a"},
                     {"leaseDurationSeconds", 15},
                     {"renewTime", "2026-01-01T00:00:00.000000Z"}}}};
  const auto made = done("POST", path, lease);
  const auto without = refused("PUT", path + "/leader", lease);
  EXPECT_EQ(without.status, 422);
  EXPECT_THAT(without.message, HasSubstr("must be specified for an update"));
  auto renewed = made;
  renewed["spec"]["renewTime"] = "2026-01-01T00:00:02.000000Z";
  done("PUT", path + "/leader", renewed);
  EXPECT_TRUE(refused("PUT", path + "/leader", renewed).conflict());
}

TEST_P(ApiServerConformance, AStatusIsWrittenApartFromItsObject) {
  auto made = done("POST", deployments(), deployment("redis"));
  EXPECT_EQ(made["metadata"]["generation"], 1);
  made["status"] = {{"replicas", 3}, {"observedGeneration", 1}};
  made["spec"]["replicas"] = 7;
  const auto with_status = done("PUT", deployments("redis", "status"), made);
  EXPECT_EQ(with_status["status"]["replicas"], 3);
  EXPECT_EQ(with_status["spec"]["replicas"], 1);
  EXPECT_EQ(with_status["metadata"]["generation"], 1);
  auto changed = with_status;
  changed["status"]["replicas"] = 9;
  changed["spec"]["replicas"] = 2;
  const auto with_spec = done("PUT", deployments("redis"), changed);
  EXPECT_EQ(with_spec["status"]["replicas"], 3);
  EXPECT_EQ(with_spec["metadata"]["generation"], 2);
}

TEST_P(ApiServerConformance, AppliesWhatOneManagerOwns) {
  create_map("a");
  const auto apply = [&](const std::string& manager, const Json& data, const std::string& more = "") {
    return call("PATCH", maps("a") + "?fieldManager=" + manager + more,
                {{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", {{"name", "a"}}}, {"data", data}},
                kApply);
  };
  ASSERT_TRUE(apply("one", {{"x", "1"}, {"y", "1"}}));
  ASSERT_TRUE(apply("two", {{"z", "2"}}));
  const auto same = Json::parse(apply("two", {{"z", "2"}}).value());
  EXPECT_EQ(version_of(same), version_of(done("GET", maps("a"))));
  // What one leaves out is gone, what others own stays.
  EXPECT_EQ(Json::parse(apply("one", {{"x", "1"}}).value())["data"],
            Json({{"k", "v"}, {"x", "1"}, {"z", "2"}}));
  const auto fight = apply("two", {{"x", "2"}, {"z", "2"}});
  ASSERT_FALSE(fight);
  EXPECT_EQ(fight.error().status, 409);
  EXPECT_EQ(fight.error().cause, "FieldManagerConflict");
  EXPECT_EQ(Json::parse(apply("two", {{"x", "2"}, {"z", "2"}}, "&force=true").value())["data"]["x"], "2");
}

TEST_P(ApiServerConformance, AppliesConditionsByTheirType) {
  done("POST", deployments(), deployment("redis"));
  const auto apply = [&](const std::string& manager, const std::string& type, const std::string& status) {
    const Json condition{{"type", type},
                         {"status", status},
                         {"reason", "R"},
                         {"message", ""},
                         {"lastTransitionTime", "2026-01-01T00:00:00Z"},
                         {"lastUpdateTime", "2026-01-01T00:00:00Z"}};
    return done("PATCH", deployments("redis", "status") + "?force=true&fieldManager=" + manager,
                {{"apiVersion", "apps/v1"},
                 {"kind", "Deployment"},
                 {"metadata", {{"name", "redis"}}},
                 {"status", {{"conditions", {condition}}}}},
                kApply);
  };
  apply("one", "Ready", "True");
  apply("two", "Stalled", "False");
  const auto object = apply("one", "Ready", "False");
  std::map<std::string, std::string> seen;
  for (const auto& condition : object["status"]["conditions"]) seen[condition["type"]] = condition["status"];
  EXPECT_EQ(seen, (std::map<std::string, std::string>{{"Ready", "False"}, {"Stalled", "False"}}));
}

TEST_P(ApiServerConformance, RefusesToApplyTheStatusOfWhatIsNotThere) {
  const Json body{{"apiVersion", "apps/v1"},
                  {"kind", "Deployment"},
                  {"metadata", {{"name", "none"}}},
                  {"status", Json::object()}};
  EXPECT_TRUE(
      refused("PATCH", deployments("none", "status") + "?fieldManager=one", body, kApply).not_found());
}

TEST_P(ApiServerConformance, ListsInPagesOfOneVersion) {
  for (const auto* name : {"a", "b", "c"}) create_map(name);
  const auto first = done("GET", maps() + "?limit=2");
  EXPECT_EQ(first["items"].size(), 2U);
  const auto token = first["metadata"]["continue"].get<std::string>();
  create_map("d");
  const auto second = done("GET", maps() + "?limit=500&continue=" + url_encoded(token));
  EXPECT_EQ(version_of(second), version_of(first));
  EXPECT_FALSE(second["metadata"].contains("continue"));
}

TEST_P(ApiServerConformance, ListsWhatSelectorsSelect) {
  for (const auto* name : {"a1", "a2", "b1"}) create_map(name);
  EXPECT_THAT(names_of(done("GET", maps() + "?labelSelector=" + url_encoded("app=a"))),
              ElementsAre("a1", "a2"));
  EXPECT_THAT(names_of(done("GET", maps() + "?fieldSelector=" + url_encoded("metadata.name=b1"))),
              ElementsAre("b1"));
}

TEST_P(ApiServerConformance, WatchesFromAListOn) {
  create_map("a");
  const auto version = version_of(done("GET", maps()));
  auto object = create_map("b");
  RunningWatch watch(
      *transport_, maps() + "?watch=1&resourceVersion=" + version + "&labelSelector=" + url_encoded("app=b"));
  object["data"]["k"] = "w";
  done("PUT", maps("b"), object);
  create_map("c");
  done("DELETE", maps("b"));
  ASSERT_TRUE(watch.has(3));
  EXPECT_THAT(watch.events(), ElementsAre("ADDED b", "MODIFIED b", "DELETED b"));
  watch.stop();
  EXPECT_EQ(watch.result().error().code, ErrorCode::kStopped);
}

TEST_P(ApiServerConformance, AWatchSeesAnObjectLeaveItsSelection) {
  const auto object = create_map("a");
  RunningWatch watch(*transport_, maps() + "?watch=1&resourceVersion=" + version_of(object) +
                                      "&labelSelector=" + url_encoded("app=a"));
  done("PATCH", maps("a"), {{"metadata", {{"labels", {{"app", "z"}}}}}}, kMergePatch);
  ASSERT_TRUE(watch.has(1));
  EXPECT_THAT(watch.events(), ElementsAre("DELETED a"));
}

TEST_P(ApiServerConformance, AWatchEndsAtItsTimeLimit) {
  const auto object = create_map("a");
  RunningWatch watch(*transport_, maps() + "?watch=1&timeoutSeconds=1&resourceVersion=" + version_of(object));
  EXPECT_EQ(watch.result().value().status, 200);
}

TEST_P(ApiServerConformance, RefusesAListThatIsNewerThanTheServer) {
  const auto refusal =
      refused("GET", maps() + "?resourceVersion=99999999999&resourceVersionMatch=NotOlderThan");
  EXPECT_EQ(refusal.status, 504);
  EXPECT_EQ(refusal.cause, "ResourceVersionTooLarge");
}

TEST_P(ApiServerConformance, AFinalizerHoldsADeletionBack) {
  auto object = config_map("a");
  object["metadata"]["finalizers"] = {"example.com/hold"};
  done("POST", maps(), object);
  done("DELETE", maps("a"));
  EXPECT_TRUE(done("GET", maps("a"))["metadata"].contains("deletionTimestamp"));
  done("PATCH", maps("a"), {{"metadata", {{"finalizers", nullptr}}}}, kMergePatch);
  EXPECT_TRUE(refused("GET", maps("a")).not_found());
}

TEST_P(ApiServerConformance, AnApplyOfAnOlderVersionIsAConflict) {
  const auto first = create_map("a");
  done("PATCH", maps("a"), {{"data", {{"k", "w"}}}}, kMergePatch);
  const Json applied{{"apiVersion", "v1"},
                     {"kind", "ConfigMap"},
                     {"metadata", {{"name", "a"}, {"resourceVersion", first["metadata"]["resourceVersion"]}}},
                     {"data", {{"l", "x"}}}};
  const auto refusal = refused("PATCH", maps("a") + "?fieldManager=test&force=true", applied, kApply);
  EXPECT_TRUE(refusal.conflict()) << refusal.status << ' ' << refusal.reason << ' ' << refusal.message;
}

TEST_P(ApiServerConformance, DeletesOnlyTheObjectThatIsMeant) {
  const auto first = create_map("a");
  done("DELETE", maps("a"));
  const auto second = create_map("a");
  EXPECT_NE(first["metadata"]["uid"], second["metadata"]["uid"]);
  EXPECT_TRUE(
      refused("DELETE", maps("a"), {{"preconditions", {{"uid", first["metadata"]["uid"]}}}}).conflict());
  done("DELETE", maps("a"), {{"preconditions", {{"uid", second["metadata"]["uid"]}}}});
}

}  // namespace rebalance
