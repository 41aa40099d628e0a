// Streams of lines: as they come, however they are cut, and how they end.
#include <gmock/gmock.h>

#include <fstream>

#include "kubernetes/client_rig.h"
#include "rig/fake_api_server.h"

namespace rebalance {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Kind = rig::Fault::Kind;
using WatchEnd = rig::FakeApiServer::WatchEnd;

std::size_t resident_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stoul(line.substr(6));
  }
  return 0;
}

class TransportWatchTest : public ::testing::Test {
 protected:
  static std::string maps(const std::string& more = "") {
    return "/api/v1/namespaces/shop/configmaps" + more;
  }
  std::string watch_from_now(const std::string& more = "") {
    return maps("?watch=1&allowWatchBookmarks=true&resourceVersion=" +
                std::to_string(server_.objects().version()) + more);
  }
  void create(const std::string& name, const std::string& value = "x") {
    server_.objects().create(*rig::ObjectPath::parse(maps()), {{"kind", "ConfigMap"},
                                                               {"apiVersion", "v1"},
                                                               {"metadata", {{"name", name}}},
                                                               {"data", {{"k", value}}}});
  }
  void await_watch() {
    ASSERT_TRUE(rig::wait_until([&] { return server_.open_watches() == 1; }, rig::Milliseconds(5000)));
  }

  rig::FakeApiServer server_;
  std::shared_ptr<Transport> transport_ = make_http_transport(config_at(server_.kubeconfig()));
};

TEST_F(TransportWatchTest, GivesEachEventAsItComes) {
  RunningWatch watch(*transport_, watch_from_now());
  create("a");
  ASSERT_TRUE(watch.has(1));
  create("b");
  ASSERT_TRUE(watch.has(2));
  EXPECT_THAT(watch.events(), ElementsAre("ADDED a", "ADDED b"));
  server_.end_watches(WatchEnd::kWell);
  EXPECT_EQ(watch.result().value().status, 200);
}

TEST_F(TransportWatchTest, JoinsEventsThatAreSplitOverChunks) {
  server_.set_watch_faults({.split = 7});
  RunningWatch watch(*transport_, watch_from_now());
  for (const auto* name : {"a", "b", "c"}) create(name);
  ASSERT_TRUE(watch.has(3));
  EXPECT_THAT(watch.events(), ElementsAre("ADDED a", "ADDED b", "ADDED c"));
}

TEST_F(TransportWatchTest, LivesOnBookmarksAlone) {
  RunningWatch watch(*transport_, watch_from_now(), Millis(1500));
  const auto has_lived_long = [&] { return watch.events(true).size() >= 25; };  // one each 100 ms
  EXPECT_TRUE(rig::wait_until(has_lived_long, rig::Milliseconds(8000)));
  server_.end_watches(WatchEnd::kWell);
  EXPECT_TRUE(watch.result());
}

TEST_F(TransportWatchTest, EndsWhenItIsSilentForTooLong) {
  server_.set_watch_faults({.silent = true});
  RunningWatch watch(*transport_, watch_from_now(), Millis(300));
  EXPECT_EQ(watch.result().error().code, ErrorCode::kTimeout);
}

TEST_F(TransportWatchTest, EndsWhenItIsCancelled) {
  RunningWatch watch(*transport_, watch_from_now());
  await_watch();
  const auto begin = BootClock::now();
  watch.stop();
  EXPECT_EQ(watch.result().error().code, ErrorCode::kStopped);
  EXPECT_LT(BootClock::now() - begin, Millis(500));
  EXPECT_TRUE(rig::wait_until([&] { return server_.open_watches() == 0; }, rig::Milliseconds(5000)));
}

TEST_F(TransportWatchTest, EndsWellWhenItsReaderHasEnough) {
  create("a");
  create("b");
  int lines = 0;
  const auto one = [&](std::string_view) { return ++lines < 1; };
  const auto response = transport_->stream(get(maps("?watch=1")), Millis(5000), one, {});
  EXPECT_EQ(response.value().status, 200);
  EXPECT_EQ(lines, 1);
}

TEST_F(TransportWatchTest, SaysThatItWasCutInTheMiddleOfAChunk) {
  RunningWatch watch(*transport_, watch_from_now());
  create("a");
  ASSERT_TRUE(watch.has(1));
  server_.end_watches(WatchEnd::kInChunk);
  EXPECT_EQ(watch.result().error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(watch.events(), ElementsAre("ADDED a"));
}

TEST_F(TransportWatchTest, SaysThatItsServerIsGone) {
  RunningWatch watch(*transport_, watch_from_now());
  await_watch();
  server_.connections().cut_all();
  EXPECT_EQ(watch.result().error().code, ErrorCode::kUnavailable);
}

TEST_F(TransportWatchTest, BringsExpiryInBothForms) {
  const auto old = watch_from_now();
  create("a");
  server_.objects().compact();
  RunningWatch by_event(*transport_, old);
  EXPECT_EQ(by_event.result().value().status, 200);
  EXPECT_THAT(by_event.events(), ElementsAre("ERROR"));
  server_.set_watch_faults({.refuse_by_http = true});
  RunningWatch by_http(*transport_, old);
  const auto response = by_http.result().value();
  EXPECT_EQ(response.status, 410);
  EXPECT_EQ(Json::parse(response.body)["reason"], "Expired");
}

TEST_F(TransportWatchTest, WaitsForItsHeadersNoLongerThanItsDeadline) {
  server_.fail({.kind = Kind::kStall});
  const auto begin = BootClock::now();
  const auto response =
      transport_->stream(get(watch_from_now(), Millis(300)), Millis(60'000), [](auto) { return true; }, {});
  EXPECT_EQ(response.error().code, ErrorCode::kTimeout);
  EXPECT_LT(BootClock::now() - begin, Millis(2000));
}

TEST_F(TransportWatchTest, RefusesALineThatIsTooLong) {
  RunningWatch watch(*transport_, watch_from_now(), Millis(5000), 10'000);
  create("small");
  ASSERT_TRUE(watch.has(1));
  create("large", std::string(100'000, 'x'));
  EXPECT_THAT(watch.result().error().message, HasSubstr("longer than the 10000 bytes allowed"));
}

TEST_F(TransportWatchTest, HoldsTheServerBackWhenTheReaderIsSlow) {
  const auto path = watch_from_now();
  const std::string value(1 << 20, 'x');
  for (int i = 0; i < 64; ++i) create("large-" + std::to_string(i), value);
  const auto before = resident_kib();
  std::size_t most = 0;
  int lines = 0;
  HttpRequest request = get(path);
  const auto slow = [&](std::string_view) {
    rig::nap(rig::Milliseconds(10));
    most = std::max(most, resident_kib());
    return ++lines < 64;
  };
  ASSERT_TRUE(transport_->stream(request, Millis(5000), slow, {}));
  EXPECT_LT(most - before, 48U * 1024);  // of 64 MiB that wait at the server, in this very process
}

TEST_F(TransportWatchTest, DoesNotGrowOverFiveHundredWatchesThatAreCancelled) {
  setenv("SSL_CERT_FILE", "/dev/null", 1);  // or the library reads the system's CAs for each connection
  const auto cycle = [&] {
    std::stop_source stop;
    const auto first = [&](std::string_view) { return stop.request_stop(); };
    const auto result = transport_->stream(get(maps("?watch=1")), Millis(5000), first, stop.get_token());
    ASSERT_EQ(result.error().code, ErrorCode::kStopped);
  };
  create("a");
  for (int i = 0; i < 50; ++i) cycle();
  const auto settled = [&] {
    return rig::wait_until([&] { return server_.connections().open_connections() == 0; },
                           rig::Milliseconds(5000));
  };
  ASSERT_TRUE(settled());
  const auto files = entries_of("/proc/self/fd");
  const auto threads = entries_of("/proc/self/task");
  const auto memory = resident_kib();
  for (int i = 0; i < 500; ++i) cycle();
  ASSERT_TRUE(settled());
  EXPECT_LE(entries_of("/proc/self/fd"), files + 1);
  EXPECT_LE(entries_of("/proc/self/task"), threads + 1);
  EXPECT_LT(resident_kib(), memory + 4096);
}

TEST_F(TransportWatchTest, LeavesOrdinaryCallsAlone) {
  std::vector<std::unique_ptr<RunningWatch>> watches;
  for (int i = 0; i < 8; ++i)
    watches.push_back(std::make_unique<RunningWatch>(*transport_, watch_from_now()));
  ASSERT_TRUE(rig::wait_until([&] { return server_.open_watches() == 8; }, rig::Milliseconds(5000)));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(transport_->send(get(maps()), {}).value().status, 200);
}

}  // namespace
}  // namespace rebalance
