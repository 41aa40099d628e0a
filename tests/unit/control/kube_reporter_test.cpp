#include "control/kube_reporter.h"

#include <gtest/gtest.h>

#include "../kube/scripted_transport.h"
#include "base/wait.h"

namespace rebalance {
namespace {

class KubeReporterTest : public testing::Test {
 protected:
  static constexpr auto kPath = "/apis/redisrebalance.io/v1alpha1/namespaces/shop/redisrebalances/x";
  KubeReporterTest() {
    resource.name_space = "shop";
    resource.name = "x";
    resource.uid = "u1";
    const nlohmann::json object{{"metadata", {{"name", "x"}, {"uid", "u1"}}}};
    server->put(kPath, object);
    server->put(std::string(kPath) + "/status", object);
  }
  nlohmann::json written() const { return server->object(std::string(kPath) + "/status")["status"]; }

  RedisRebalance resource;
  std::shared_ptr<TinyServer> server = std::make_shared<TinyServer>();
  ApiClient client{server, server};
  StatusWriter statuses{client};
  // Events go elsewhere, so that the requests that are counted are those of the status.
  std::shared_ptr<TinyServer> elsewhere = std::make_shared<TinyServer>();
  ApiClient events_client{elsewhere, elsewhere};
  EventRecorder events{events_client, "test", "test-1"};
  Metrics metrics{"test"};
};

TEST_F(KubeReporterTest, WritesAChangeOfStateAtOnceAndTheSameNotAgain) {
  KubeReporter reporter({statuses, events, metrics}, resource, {});
  reporter.say(State::kWaiting, "WaitingForCluster", "somebody else holds it");
  ASSERT_TRUE(reporter.finish());
  EXPECT_EQ(written()["state"], "Waiting");
  EXPECT_EQ(server->count("PATCH"), 1);
  reporter.say(State::kWaiting, "WaitingForCluster", "somebody else holds it");
  ASSERT_TRUE(reporter.finish());
  EXPECT_EQ(server->count("PATCH"), 1);
}

TEST_F(KubeReporterTest, AnEndHasItsTimeUntilAnotherSpecBeginsAnew) {
  StatusDocument before;
  before.observed_generation = resource.generation;
  before.finished = "2026-01-01T00:00:00Z";
  {
    KubeReporter reporter({statuses, events, metrics}, resource, before);
    reporter.say(State::kFailed, "PodRestarted", "redis-1 restarted");
    ASSERT_TRUE(reporter.finish());
    EXPECT_EQ(written()["finished"], before.finished) << "told again, it is the same end";
  }
  resource.generation++;
  KubeReporter reporter({statuses, events, metrics}, resource, before);
  reporter.say(State::kFailed, "PodRestarted", "redis-1 restarted");
  ASSERT_TRUE(reporter.finish());
  EXPECT_NE(written()["finished"], before.finished);
  EXPECT_TRUE(parse_rfc3339(written()["finished"].get<std::string>()));
}

TEST_F(KubeReporterTest, AnEndThatStaysAgainstTheSpecSaysWhy) {
  resource.spec.ttl_seconds_after_finished = 60;
  resource.git_owner = "Flux (kustomize.toolkit.fluxcd.io/name: apps)";
  KubeReporter reporter({statuses, events, metrics}, resource, {});
  reporter.say(State::kFailed, "PodRestarted", "redis-1 restarted");
  ASSERT_TRUE(reporter.finish());
  EXPECT_EQ(written()["conditions"][0]["message"],
            "redis-1 restarted; spec.ttlSecondsAfterFinished is ignored: Flux "
            "(kustomize.toolkit.fluxcd.io/name: apps) owns this object and would make it again; leave the "
            "field out, or delete it where Flux has it from");
}

TEST_F(KubeReporterTest, ALastWordThatCannotBeWrittenIsTriedOnceASecondUntilItCan) {
  server->down(true);
  KubeReporter reporter({statuses, events, metrics}, resource, {});
  reporter.say(State::kFailed, "PodRestarted", "redis-1 restarted");
  const std::jthread later([this](const std::stop_token& stop) {
    wait_for(stop, Millis(2500));
    server->down(false);
  });
  EXPECT_TRUE(reporter.finish());
  EXPECT_EQ(written()["state"], "Failed");
  EXPECT_LT(server->requests().size(), 12u);
}

}  // namespace
}  // namespace rebalance
