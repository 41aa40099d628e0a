#include "kube/informer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/json_slice.h"
#include "scripted_transport.h"

namespace rebalance {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Cache = ObjectCache<int>;

Cache::Entry entry(int value, const std::string& version, const std::string& uid = "u") {
  return {uid, version, std::make_shared<const int>(value)};
}

std::vector<std::string> text(const Cache::Changes& changes) {
  std::vector<std::string> lines;
  for (const auto& [key, old, now] : changes)
    lines.push_back(key + " " + (old ? std::to_string(*old) : "-") + ">" +
                    (now ? std::to_string(*now) : "-"));
  return lines;
}

TEST(ObjectCache, TellsOfAdditionsChangesAndDeletions) {
  Cache cache;
  EXPECT_THAT(text(cache.put("a", entry(1, "10"))), ElementsAre("a ->1"));
  EXPECT_THAT(text(cache.put("a", entry(2, "11"))), ElementsAre("a 1>2"));
  EXPECT_THAT(text(cache.remove("a")), ElementsAre("a 2>-"));
  EXPECT_THAT(text(cache.remove("a")), IsEmpty());
}

TEST(ObjectCache, AnEventThatCameTwiceChangesNothing) {
  Cache cache;
  cache.put("a", entry(1, "10"));
  EXPECT_THAT(text(cache.put("a", entry(1, "10"))), IsEmpty());
}

TEST(ObjectCache, ANamesakeThatWasCreatedAnewIsADeletionAndAnAddition) {
  Cache cache;
  cache.put("a", entry(1, "10", "first"));
  EXPECT_THAT(text(cache.put("a", entry(2, "11", "second"))), ElementsAre("a 1>-", "a ->2"));
}

TEST(ObjectCache, AListDeletesWhatItDoesNotName) {
  Cache cache;
  cache.put("gone", entry(1, "10"));
  cache.put("same", entry(2, "11"));
  cache.put("changed", entry(3, "12"));
  cache.put("replaced", entry(4, "13", "first"));
  const auto changes = cache.replace({{"same", entry(2, "11")},
                                      {"changed", entry(30, "20")},
                                      {"replaced", entry(40, "21", "second")},
                                      {"new", entry(5, "22")}});
  EXPECT_THAT(text(changes),
              ElementsAre("gone 1>-", "changed 3>30", "new ->5", "replaced 4>-", "replaced ->40"));
  EXPECT_EQ(cache.entries().size(), 4u);
}

// Objects with a number, which may be no number.
class InformerTest : public testing::Test {
 protected:
  static std::string object(const std::string& name, const std::string& size, const std::string& version,
                            const std::string& uid = "u") {
    return R"({"metadata":{"namespace":"shop","name":")" + name + R"(","uid":")" + uid +
           R"(","resourceVersion":")" + version + R"("},"size":)" + size + "}";
  }
  static Answer list(const std::string& version, const std::string& items, const std::string& token = "") {
    return answer(200, R"({"metadata":{"resourceVersion":")" + version + R"(","continue":")" + token +
                           R"("},"items":[)" + items + "]}");
  }
  static std::string event(const std::string& type, const std::string& object) {
    return R"({"type":")" + type + R"(","object":)" + object + "}";
  }
  static std::string bookmark(const std::string& version) {
    return event("BOOKMARK", R"({"metadata":{"resourceVersion":")" + version + "\"}}");
  }
  static std::string expired() {
    return event("ERROR", R"({"kind":"Status","code":410,"reason":"Expired","message":"too old"})");
  }
  static Result<int> decode(std::string_view json) {
    const auto size = json_member(json, "size");
    if (!size || size->find_first_not_of("0123456789") != size->npos)
      return invalid_input("size is no number");
    return std::stoi(std::string(*size));
  }

  // Runs the script to its end.
  void run() {
    Informer<int>::Options options{
        .target = {.resource = {"", "v1", "pods"}, .name_space = "shop", .label_selector = "app=redis,x"},
        .decode = decode,
        .on_change =
            [this](const std::string& key, const int* old, const int* now) {
              changes.push_back(key + " " + (old ? std::to_string(*old) : "-") + ">" +
                                (now ? std::to_string(*now) : "-"));
            },
        .on_rejected = [this](const std::string& key,
                              const Error& why) { reports.push_back(key + ": " + why.message); },
        .around = time.surroundings()};
    auto client = std::make_unique<ApiClient>(transport, transport);
    Informer<int> informer(*client, std::move(options));
    EXPECT_FALSE(informer.synced());
    informer.start();
    const auto limit = BootClock::now() + std::chrono::seconds(20);
    while (!transport->end.stop_requested() && BootClock::now() < limit) std::this_thread::yield();
    synced = informer.wait_synced({}, Millis(0));
    rejected = informer.rejected();
    progress = informer.last_progress();
    last_error = informer.last_error();
    for (const auto& [key, entry] : informer.all()) copy[key] = *informer.get(key);
    EXPECT_FALSE(transport->out_of_order);
  }

  TestTime time;
  std::shared_ptr<ScriptedTransport> transport = std::make_shared<ScriptedTransport>(time);
  std::vector<std::string> changes, reports;
  std::map<std::string, std::string> rejected;
  std::map<std::string, int> copy;
  bool synced = false;
  Instant progress{};
  std::string last_error;
};

TEST_F(InformerTest, ListsInPagesThenWatches) {
  transport->then(list("100", object("a", "1", "10"), "more"));
  transport->then(list("100", object("b", "2", "11")));
  transport->then(ScriptedTransport::Watch{.lines = {event("ADDED", object("c", "3", "101")),
                                                     event("MODIFIED", object("a", "7", "102")),
                                                     event("DELETED", object("b", "2", "103"))}});
  run();
  EXPECT_TRUE(synced);
  EXPECT_THAT(changes, ElementsAre("shop/a ->1", "shop/b ->2", "shop/c ->3", "shop/a 1>7", "shop/b 2>-"));
  EXPECT_THAT(copy, ElementsAre(std::pair("shop/a", 7), std::pair("shop/c", 3)));
  ASSERT_GE(transport->requests.size(), 3u);
  EXPECT_THAT(transport->requests[0], HasSubstr("/api/v1/namespaces/shop/pods?limit=500&resourceVersion=0"));
  EXPECT_THAT(transport->requests[0], HasSubstr("&labelSelector=" + url_encoded("app=redis,x")));
  EXPECT_THAT(transport->requests[2], HasSubstr("resourceVersion=100&"));
}

TEST_F(InformerTest, NothingIsToldOfAListUntilItsLastPage) {
  transport->then(list("100", object("a", "1", "10"), "more"));
  run();
  EXPECT_FALSE(synced);
  EXPECT_THAT(changes, IsEmpty());
}

TEST_F(InformerTest, PagesOfAListThatExpiredCountNoMore) {
  transport->then(list("100", object("old", "1", "10"), "more"));
  transport->then(refusal(410, "Expired"));
  transport->then(list("200", object("a", "2", "150")));
  run();
  EXPECT_THAT(changes, ElementsAre("shop/a ->2"));
}

TEST_F(InformerTest, WhatWasDeletedWhileNobodyWatchedIsToldAsDeleted) {
  transport->then(list("100", object("a", "1", "10") + "," + object("b", "2", "11")));
  transport->then(ScriptedTransport::Watch{.lines = {expired()}});
  transport->then(list("300", object("b", "2", "11")));
  run();
  EXPECT_THAT(changes, ElementsAre("shop/a ->1", "shop/b ->2", "shop/a 1>-"));
  EXPECT_THAT(transport->requests[2], HasSubstr("?resourceVersion=100&"));
}

TEST_F(InformerTest, TheNextWatchGoesOnFromTheLastBookmark) {
  transport->then(list("100", ""));
  transport->then(ScriptedTransport::Watch{.lines = {bookmark("140")}});
  transport->then(ScriptedTransport::Watch{});
  run();
  EXPECT_THAT(transport->requests[2], HasSubstr("watch=1&allowWatchBookmarks=true&resourceVersion=140&"));
}

TEST_F(InformerTest, AnObjectThatCannotBeDecodedIsNamedAndKeptOut) {
  transport->then(list("100", object("bad", "\"x\"", "10") + "," + object("a", "1", "11")));
  transport->then(ScriptedTransport::Watch{.lines = {event("ADDED", object("b", "2", "101"))}});
  run();
  EXPECT_TRUE(synced);
  EXPECT_THAT(changes, ElementsAre("shop/a ->1", "shop/b ->2"));
  EXPECT_THAT(reports, ElementsAre("shop/bad: size is no number"));
  EXPECT_THAT(rejected, ElementsAre(std::pair("shop/bad", "size is no number")));
}

TEST_F(InformerTest, AnObjectThatCannotBeDecodedAnyMoreLeavesTheCopyUntilItCan) {
  transport->then(list("100", object("a", "1", "10")));
  transport->then(ScriptedTransport::Watch{
      .lines = {event("MODIFIED", object("a", "{}", "101")), event("MODIFIED", object("a", "3", "102"))}});
  run();
  EXPECT_THAT(changes, ElementsAre("shop/a ->1", "shop/a 1>-", "shop/a ->3"));
  EXPECT_THAT(rejected, IsEmpty());
}

TEST_F(InformerTest, ALineThatIsNoEventEndsTheWatchAndIsFollowedByAList) {
  transport->then(list("100", object("a", "1", "10")));
  transport->then(ScriptedTransport::Watch{.lines = {"garbage"}});
  transport->then(list("200", object("a", "4", "150")));
  run();
  EXPECT_THAT(changes, ElementsAre("shop/a ->1", "shop/a 1>4"));
}

TEST_F(InformerTest, FailuresAreToldUntilTheServerIsHeardOfAgain) {
  transport->then(refusal(403, "Forbidden", "pods is forbidden"));
  run();
  EXPECT_FALSE(synced);
  EXPECT_THAT(last_error, HasSubstr("forbidden"));
  EXPECT_EQ(progress, Instant{});
}

TEST_F(InformerTest, ASilentWatchCountsAsProgressAtItsBeginning) {
  transport->then(list("100", ""));
  const auto began = time.now();
  transport->then(
      ScriptedTransport::Watch{.end = broken(ErrorCode::kTimeout), .lasts = ReflectorRules{}.idle});
  transport->then(
      ScriptedTransport::Watch{.end = broken(ErrorCode::kTimeout), .lasts = ReflectorRules{}.idle});
  run();
  EXPECT_EQ(progress, began + ReflectorRules{}.idle);
  EXPECT_THAT(transport->requests[2], HasSubstr("watch=1"));
}

}  // namespace
}  // namespace rebalance
