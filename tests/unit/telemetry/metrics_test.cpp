#include "telemetry/metrics.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <thread>

namespace rebalance {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const Instant kNow{std::chrono::seconds(1000)};
constexpr const char* kShop = R"({cluster_namespace="shop",cluster="redis",rebalance="add-shard")";

NodeRow row_of(const std::string& pod) {
  NodeRow row{pod, "id", 1000, 800, 850, 950};
  row.base = 600;
  row.used = 500;
  row.peak = 700;
  row.receives = true;
  return row;
}

RebalanceFigures moving() {
  RebalanceFigures figures{"shop", "add-shard", "redis", State::kRebalancing};
  figures.last_progress = kNow - std::chrono::seconds(42);
  figures.bytes_done = 25;
  figures.bytes_total = 100;
  figures.bytes_per_second = 5;
  figures.eta_seconds = 15;
  figures.open_slots = 2;
  figures.slots = SlotHealth{16384, 16000, 300, 84};
  figures.nodes = {row_of("redis-0"), row_of("redis-1")};
  return figures;
}

// Everything that can be counted, once.
void fill(Metrics& metrics) {
  auto figures = moving();
  figures.nodes[0].maxmemory = 900;
  figures.nodes[0].projected = 750;
  metrics.show(figures);
  metrics.batch_ended({"shop", "redis", Engine::kKeyByKey, BatchOutcome::kDone, 10, 1, 20, 30, 0.4});
  metrics.retried("shop", "redis", ErrorCode::kTimeout);
  metrics.writes_paused(Engine::kAtomicRedis, 0.02);
  metrics.planned(0.1);
  metrics.leading(true);
  metrics.queue_depth(3);
  metrics.reconciled(0.2, true);
  metrics.show_watch({"pods", true, kNow - std::chrono::seconds(7)});
  metrics.watch_restarted("pods");
  metrics.api_called("GET", 200, 0.01);
}

std::set<std::string> names_in(const std::string& text, const std::string& pattern) {
  std::set<std::string> names;
  const std::regex regex(pattern);
  for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it) names.insert((*it)[1]);
  return names;
}

TEST(Metrics, TellOfAPodWhatItHoldsAndWhatItMayHold) {
  Metrics metrics("1.2.3");
  metrics.show(moving());
  const auto text = metrics.text(kNow);
  for (const char* line : {"pod_limit_bytes|1000", "pod_ceiling_bytes|800", "pod_high_bytes|850",
                           "pod_flood_bytes|950", "pod_memory_bytes|600", "pod_used_bytes|500",
                           "pod_peak_bytes|700", "pod_receives|1", "pod_gives|0"}) {
    const std::string name(line, std::strchr(line, '|'));
    EXPECT_THAT(text, HasSubstr(fmt::format("redis_rebalance_{}{},redis_pod=\"redis-1\"}} {}\n", name, kShop,
                                            std::strchr(line, '|') + 1)));
  }
  EXPECT_THAT(text, Not(HasSubstr("pod_maxmemory_bytes")));  // it has none
  EXPECT_THAT(text, Not(HasSubstr("pod_projected_bytes")));
}

TEST(Metrics, TellOfAResourceWhereItIs) {
  Metrics metrics("1.2.3");
  metrics.show(moving());
  const auto text = metrics.text(kNow);
  EXPECT_THAT(text, HasSubstr(fmt::format("redis_rebalance_state{},state=\"Rebalancing\"}} 1\n", kShop)));
  EXPECT_THAT(text, HasSubstr(fmt::format("redis_rebalance_seconds_since_progress{}}} 42\n", kShop)));
  EXPECT_THAT(text, HasSubstr(fmt::format("redis_rebalance_progress_ratio{}}} 0.25\n", kShop)));
  EXPECT_THAT(text, HasSubstr(fmt::format("redis_rebalance_moving{}}} 1\n", kShop)));
  EXPECT_THAT(text, HasSubstr(fmt::format("redis_rebalance_slots{},health=\"pfail\"}} 300\n", kShop)));
  EXPECT_THAT(text, HasSubstr("redis_rebalance_resources{state=\"Rebalancing\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("redis_rebalance_resources{state=\"Failed\"} 0\n"));
}

TEST(Metrics, OneThatNeedsAPersonIsStalledAndHasNoProgressAnyMore) {
  Metrics metrics("1.2.3");
  auto figures = moving();
  figures.state = State::kFailed;
  metrics.show(figures);
  const auto text = metrics.text(kNow);
  EXPECT_THAT(text, HasSubstr(fmt::format("redis_rebalance_stalled{}}} 1\n", kShop)));
  EXPECT_THAT(text, Not(HasSubstr("Rebalancing\"} 1")));
  EXPECT_THAT(text, Not(HasSubstr("seconds_since_progress")));
  EXPECT_THAT(text, Not(HasSubstr("eta_seconds")));
}

TEST(Metrics, APodThatIsGoneDisappears) {
  Metrics metrics("1.2.3");
  auto figures = moving();
  metrics.show(figures);
  figures.nodes.pop_back();
  metrics.show(figures);
  EXPECT_THAT(metrics.text(kNow), HasSubstr("redis-0"));
  EXPECT_THAT(metrics.text(kNow), Not(HasSubstr("redis-1")));
}

TEST(Metrics, AResourceThatIsGoneDisappearsAndWithTheLastOneItsCluster) {
  Metrics metrics("1.2.3");
  fill(metrics);
  auto second = moving();
  second.name = "drain";
  metrics.show(second);

  metrics.forget("shop", "add-shard");
  EXPECT_THAT(metrics.text(kNow), Not(HasSubstr("add-shard")));
  EXPECT_THAT(metrics.text(kNow), HasSubstr("redis_rebalance_bytes_moved_total{cluster_namespace=\"shop\""));

  metrics.forget("shop", "drain");
  metrics.batch_ended({"shop", "redis"});  // a batch that ends late brings nothing back
  metrics.retried("shop", "redis", ErrorCode::kLost);
  EXPECT_THAT(metrics.text(kNow), Not(HasSubstr("shop")));
}

TEST(Metrics, AResourceThatChangesItsClusterTakesTheOldOneAlong) {
  Metrics metrics("1.2.3");
  fill(metrics);
  auto figures = moving();
  figures.cluster = "other";
  metrics.show(figures);
  EXPECT_THAT(metrics.text(kNow), Not(HasSubstr("cluster=\"redis\"")));
}

TEST(Metrics, CountWhatBatchesMovedByEngineAndResult) {
  Metrics metrics("1.2.3");
  metrics.show(moving());
  for (int i = 0; i < 2; i++)
    metrics.batch_ended({"shop", "redis", Engine::kKeyByKey, BatchOutcome::kDone, 10, 0, 20, 30, 0.4});
  metrics.batch_ended({"shop", "redis", Engine::kKeyByKey, BatchOutcome::kFailed, 3, 2, 4, 5, 700});
  const auto text = metrics.text(kNow);
  const auto line = [](const char* name, const char* result, int value) {
    return fmt::format(
        "redis_rebalance_{}{{cluster_namespace=\"shop\",cluster=\"redis\",engine=\"KeyByKey\",result="
        "\"{}\"}} {}\n",
        name, result, value);
  };
  EXPECT_THAT(text, HasSubstr(line("slots_moved_total", "Done", 20)));
  EXPECT_THAT(text, HasSubstr(line("keys_moved_total", "Done", 40)));
  EXPECT_THAT(text, HasSubstr(line("bytes_moved_total", "Failed", 5)));
  EXPECT_THAT(text, HasSubstr(line("batches_total", "Failed", 1)));
  EXPECT_THAT(text, HasSubstr("redis_rebalance_batch_seconds_bucket{engine=\"KeyByKey\",le=\"0.5\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("redis_rebalance_batch_seconds_count{engine=\"KeyByKey\"} 3\n"));
}

TEST(Metrics, LabelsAreBoundedWhateverIsCounted) {
  Metrics metrics("1.2.3");
  for (int i = 0; i < 1000; i++) metrics.api_called(fmt::format("M{}", i), 1000 + i, std::nullopt);
  metrics.api_called("PATCH", 409, 0.01);
  const auto text = metrics.text(kNow);
  EXPECT_THAT(text, HasSubstr("api_requests_total{method=\"OTHER\",code=\"none\"} 1000\n"));
  EXPECT_THAT(text, HasSubstr("api_requests_total{method=\"PATCH\",code=\"409\"} 1\n"));
  EXPECT_EQ(names_in(text, "method=\"([A-Z0-9]+)\",code").size(), 2U);
}

TEST(Metrics, LabelsOfPeopleAreEscaped) {
  Metrics metrics("1.2.3");
  auto figures = moving();
  figures.cluster = "a\"b\\c\nd";
  metrics.show(figures);
  EXPECT_THAT(metrics.text(kNow), HasSubstr(R"(cluster="a\"b\\c\nd")"));
}

TEST(Metrics, AreAllDocumentedAndTheDocumentNamesNoOther) {
  std::ifstream file(SOURCE_FOLDER "/docs/metrics.md");
  std::stringstream document;
  document << file.rdbuf();
  Metrics metrics("1.2.3");
  fill(metrics);
  const auto written = names_in(metrics.text(kNow), "# TYPE (redis_rebalance_[a-z_]+) ");
  EXPECT_EQ(written, names_in(document.str(), "`(redis_rebalance_[a-z_]+[a-z])(?:\\{[a-z,]+\\})?` \\|"));
}

TEST(Metrics, ThreadsCountWhileOthersRead) {
  Metrics metrics("1.2.3");
  metrics.show(moving());
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; i++) {
      threads.emplace_back([&] {
        for (int k = 0; k < 100; k++) {
          metrics.batch_ended({"shop", "redis", Engine::kKeyByKey, BatchOutcome::kDone, 1, 0, 1, 1, 0.1});
          (void)metrics.text(kNow);
        }
      });
    }
  }
  EXPECT_THAT(metrics.text(kNow),
              HasSubstr("redis_rebalance_batch_seconds_count{engine=\"KeyByKey\"} 400\n"));
}

}  // namespace
}  // namespace rebalance
