#include "codec/cold_keys_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rebalance {
namespace {

TEST(ColdKeysCodec, ReadsWhatItWrites) {
  ColdPods pods;
  pods["redis-0"] = {SlotSet::parse("0-9,20").value(),
                     SlotSet::parse("30").value(),
                     {100, 90, 3, 12, 4096, 11},
                     {"key:1", "\\x00"},
                     7};
  pods["redis-1"].slots.add(Slot{5});
  EXPECT_EQ(decode_cold_keys(encode_cold_keys(pods, 60)), pods);
}

TEST(ColdKeysCodec, RefusesWhatIsNone) {
  for (const char* text : {"", "{}", "[]", R"({"pods": [{"slots": "9-1", "pod": "x"}]})"})
    EXPECT_FALSE(decode_cold_keys(text)) << text;
}

}  // namespace
}  // namespace rebalance
