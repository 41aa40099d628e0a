#include "codec/layout_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rebalance {
namespace {

TEST(LayoutCodec, GivesBackWhoOwnedWhatAndWhen) {
  const InitialLayout layout{"2026-01-01T00:00:00Z",
                             {{"a", "redis-0", SlotSet::parse("0-99,4000").value()}, {"b", "redis-1", {}}}};
  const auto back = decode_layout(encode_layout(layout));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*back, layout);
}

TEST(LayoutCodec, WhatIsTornIsNamedNotGuessed) {
  const auto whole = encode_layout({"now", {{"a", "redis-0", SlotSet::parse("0-99").value()}}});
  auto odd = whole;
  odd.replace(odd.find("0-99"), 4, "99-0");
  for (const auto& bad : {whole.substr(0, whole.size() / 2), std::string("{}"), std::string(), odd}) {
    const auto layout = decode_layout(bad);
    ASSERT_FALSE(layout) << bad;
    EXPECT_THAT(layout.error().message, ::testing::HasSubstr("layout of the start"));
  }
}

}  // namespace
}  // namespace rebalance
