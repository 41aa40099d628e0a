#include "kube/config_map_documents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scripted_transport.h"

namespace rebalance {
namespace {

using ::testing::HasSubstr;

class ConfigMapDocumentsTest : public testing::Test {
 protected:
  static constexpr auto kPath = "/api/v1/namespaces/shop/configmaps/spread-state";
  ConfigMapDocuments open(const std::string& uid = "u1") {
    return {client, {"redisrebalance.io/v1alpha1", "RedisRebalance", "shop", "spread", uid}, "spread-state"};
  }
  nlohmann::json map() { return server->object(kPath); }

  std::shared_ptr<TinyServer> server = std::make_shared<TinyServer>();
  ApiClient client{server, server};
  ConfigMapDocuments documents = open();
};

TEST_F(ConfigMapDocumentsTest, TheFirstDocumentCreatesTheMapOwnedByTheResource) {
  ASSERT_TRUE(documents.put("plan.json", "{}"));
  EXPECT_EQ(map()["data"]["plan.json"], "{}");
  EXPECT_EQ(map()["metadata"]["ownerReferences"], nlohmann::json::parse(R"([{
      "apiVersion": "redisrebalance.io/v1alpha1", "kind": "RedisRebalance", "name": "spread", "uid": "u1",
      "controller": true}])"));
}

TEST_F(ConfigMapDocumentsTest, DocumentsComeBackInAnotherProcessUntilRemoved) {
  ASSERT_TRUE(documents.put("a", "1"));
  ASSERT_TRUE(documents.put("b", "2\n\"x\""));
  EXPECT_EQ(open().get("b").value(), "2\n\"x\"");
  ASSERT_TRUE(documents.remove("b"));
  EXPECT_EQ(open().get("b").value(), std::nullopt);
  EXPECT_EQ(open().get("a").value(), "1");
}

TEST_F(ConfigMapDocumentsTest, WhatWasNeverPutIsNothingAndRemovingItIsFine) {
  EXPECT_EQ(documents.get("a").value(), std::nullopt);
  EXPECT_TRUE(documents.remove("a"));
  EXPECT_EQ(server->count("PUT") + server->count("POST"), 0);
}

TEST_F(ConfigMapDocumentsTest, EachPutIsOneWriteWithTheVersionItReplaces) {
  documents.put("a", "1");
  const auto version = map()["metadata"]["resourceVersion"];
  const auto before = server->requests().size();
  ASSERT_TRUE(documents.put("a", "2"));
  ASSERT_EQ(server->requests().size(), before + 1);
  const auto request = server->requests().back();
  EXPECT_EQ(request.method, "PUT");
  EXPECT_EQ(nlohmann::json::parse(request.body)["metadata"]["resourceVersion"], version);
}

TEST_F(ConfigMapDocumentsTest, LabelsOfOthersAreKept) {
  documents.put("a", "1");
  auto labelled = map();
  labelled["metadata"]["labels"]["team"] = "shop";
  server->put(kPath, labelled);
  ASSERT_TRUE(documents.put("a", "2"));
  EXPECT_EQ(map()["metadata"]["labels"]["team"], "shop");
  EXPECT_EQ(map()["data"]["a"], "2");
}

TEST_F(ConfigMapDocumentsTest, AnotherWritersDocumentIsNotOverwritten) {
  documents.put("a", "1");
  auto other = open();
  other.put("a", "theirs");
  const auto put = documents.put("a", "ours");
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, ErrorCode::kConflict);
  EXPECT_THAT(put.error().message, HasSubstr("shop/spread-state"));
  EXPECT_EQ(map()["data"]["a"], "theirs");
}

TEST_F(ConfigMapDocumentsTest, AWriteWhoseAnswerWasLostIsSeenToHaveHappened) {
  documents.put("a", "1");
  server->lose_answer_of_next("PUT");
  EXPECT_FALSE(documents.put("a", "2"));  // not known: so it says
  EXPECT_TRUE(documents.put("a", "2"));
  EXPECT_EQ(map()["data"]["a"], "2");
}

TEST_F(ConfigMapDocumentsTest, ACreationThatCameThroughTwiceIsFine) {
  server->lose_answer_of_next("POST");
  EXPECT_FALSE(documents.put("a", "1"));
  EXPECT_TRUE(documents.put("a", "1"));
}

TEST_F(ConfigMapDocumentsTest, AMapThatVanishedIsToldNotSilentlyMadeAnew) {
  documents.put("a", "1");
  server->erase(kPath);
  const auto put = documents.put("b", "2");
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, ErrorCode::kConflict);
  EXPECT_TRUE(documents.put("b", "2"));
}

TEST_F(ConfigMapDocumentsTest, TheMapOfAnEarlierNamesakeIsNotTaken) {
  open("u0").put("a", "old");
  const auto got = documents.get("a");
  ASSERT_FALSE(got);
  EXPECT_THAT(got.error().message, HasSubstr("an earlier object of that name"));
  EXPECT_FALSE(documents.put("a", "new"));
  EXPECT_EQ(map()["data"]["a"], "old");
}

TEST_F(ConfigMapDocumentsTest, AMapThatNobodyOwnsIsNotTaken) {
  server->put(kPath, {{"metadata", {{"name", "spread-state"}}}, {"data", {{"a", "theirs"}}}});
  const auto put = documents.put("a", "ours");
  ASSERT_FALSE(put);
  EXPECT_THAT(put.error().message, HasSubstr("belongs to somebody else"));
}

TEST_F(ConfigMapDocumentsTest, AMapThatCannotBeReadIsSaid) {
  server->next(answer(200, "gateway"));
  const auto got = documents.get("a");
  ASSERT_FALSE(got);
  EXPECT_THAT(got.error().message, HasSubstr("cannot be read"));
}

TEST_F(ConfigMapDocumentsTest, MoreThanOneMebibyteIsRefusedBeforeItIsSent) {
  ASSERT_TRUE(documents.put("a", std::string(ConfigMapDocuments::kMostBytes - 1, 'x')));
  const auto before = server->requests().size();
  const auto put = documents.put("b", "");
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, ErrorCode::kInvalidInput);
  EXPECT_THAT(put.error().message, HasSubstr("1048577 bytes"));
  EXPECT_EQ(server->requests().size(), before);
  EXPECT_TRUE(documents.put("a", "small"));
}

TEST_F(ConfigMapDocumentsTest, NamesThatNoMapCanHoldAreRefused) {
  for (const auto& name : {std::string(), std::string("a/b"), std::string(".a"), std::string(254, 'a')})
    EXPECT_FALSE(documents.put(name, "x")) << name;
}

TEST_F(ConfigMapDocumentsTest, TextThatIsNoUtf8IsRefused) {
  const auto put = documents.put("a", "\xff");
  ASSERT_FALSE(put);
  EXPECT_THAT(put.error().message, HasSubstr("not UTF-8"));
}

TEST_F(ConfigMapDocumentsTest, ANamespaceThatIsGoneIsToldInTheServersWords) {
  server->next(std::nullopt);
  server->next(refusal(404, "NotFound", "namespaces \"shop\" not found"));
  const auto put = documents.put("a", "1");
  ASSERT_FALSE(put);
  EXPECT_THAT(put.error().message, HasSubstr("namespaces"));
}

}  // namespace
}  // namespace rebalance
