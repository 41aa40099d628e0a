#include "codec/record_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rebalance {
namespace {

Record approved_plan() {
  Record record{"shop/add-shard", "00ff", "2026-01-01T00:00:00Z", true, std::nullopt, {}};
  record.plan.hash = "e3e0b82cf17907f4";
  record.plan.batches = {{0, "a", "b", SlotSet::parse("0-9,4000").value(), 77, 3}};
  record.plan.engines = {{"a", "b", Engine::kKeyByKey, "the only one", "Redis 8.4"}};
  record.plan.slots = 11;
  NodeForecast node;
  node.pod = "redis-0";
  node.limit = 118 * kMiB;
  record.plan.nodes = {node};
  record.plan.raises = {{"redis-0", 100 * kMiB, 118 * kMiB, "", ""}};
  return record;
}

TEST(RecordCodec, GivesBackWhatARestartNeeds) {
  const auto record = decode_record(encode_record(approved_plan()));
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->fingerprint, "00ff");
  EXPECT_TRUE(record->approved);
  EXPECT_EQ(record->plan.hash, "e3e0b82cf17907f4");
  EXPECT_EQ(record->plan.batches, approved_plan().plan.batches);
  ASSERT_EQ(record->plan.engines.size(), 1U);
  EXPECT_EQ(record->plan.engines[0].target, "b");
  EXPECT_EQ(record->plan.engines[0].lacking, "Redis 8.4");
  EXPECT_EQ(record->plan.nodes.at(0).limit, 118 * kMiB);
  EXPECT_EQ(record->plan.raises, approved_plan().plan.raises);
}

TEST(RecordCodec, GivesBackThatARollbackHasBegunAndWhy) {
  EXPECT_FALSE(decode_record(encode_record(approved_plan()))->roll_back);
  const Record back{
      "shop/add-shard", "00ff", "2026-01-01T00:00:00Z", false, RollBack{false, "redis-1 died"}, {}};
  const auto record = decode_record(encode_record(back));
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->roll_back, back.roll_back);
  EXPECT_FALSE(record->approved);
}

TEST(RecordCodec, WhatIsTornOrOfAnotherVersionIsNamedNotGuessed) {
  const std::string whole = encode_record(approved_plan());
  std::string other = whole;
  other.replace(other.find("\"format\": 1"), 11, "\"format\": 9");
  for (const std::string& bad :
       {whole.substr(0, whole.size() / 2), std::string("{}"), std::string(), other}) {
    const auto record = decode_record(bad);
    ASSERT_FALSE(record) << bad;
    EXPECT_EQ(record.error().code, ErrorCode::kInvalidInput);
    EXPECT_THAT(record.error().message, ::testing::HasSubstr("record"));
  }
}

}  // namespace
}  // namespace rebalance
