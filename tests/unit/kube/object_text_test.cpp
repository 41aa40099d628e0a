#include "kube/object_text.h"

#include <gtest/gtest.h>

#include <vector>

#include "codec/json_slice.h"

namespace rebalance {
namespace {

TEST(JsonSlice, AMemberIsFoundBehindValuesThatLookLikeIt) {
  const std::string text =
      R"( {"a":"\"x\":1}", "b" : [ {"x":2}, "]" ], "c":{"x":3}, "x" : {"y":[1,2]} , "z":4})";
  EXPECT_EQ(json_member(text, "x"), R"({"y":[1,2]})");
  EXPECT_EQ(json_member(text, "z"), "4");
  EXPECT_EQ(json_member(text, "b"), R"([ {"x":2}, "]" ])");
  EXPECT_FALSE(json_member(text, "y"));
}

TEST(JsonSlice, WhatIsBrokenGivesNothing) {
  for (const char* text :
       {"", "[]", "{", "{}", "{\"x\"", "{\"x\":", "{\"x\":{", "{\"x\":\"", "{\"x\":\"a\\", "{\"x\":[1"})
    EXPECT_FALSE(json_member(text, "x")) << text;
  for (const char* text : {"", "{}", "[", "[1", "[1,", "[{]"})
    EXPECT_FALSE(json_elements(text, [](std::string_view) {})) << text;
}

TEST(JsonSlice, ElementsComeOneByOne) {
  std::vector<std::string> elements;
  const auto keep = [&](std::string_view text) { elements.emplace_back(text); };
  EXPECT_TRUE(json_elements(R"([ {"a":[1]} , "x,y",3 ])", keep));
  EXPECT_EQ(elements, (std::vector<std::string>{R"({"a":[1]})", "\"x,y\"", "3"}));
  elements.clear();
  EXPECT_TRUE(json_elements(" [ ] ", keep));
  EXPECT_TRUE(elements.empty());
}

TEST(JsonSlice, StringsAreDecodedAndNothingElseIsAString) {
  EXPECT_EQ(json_string(R"("a\u00e9\"b")"), "a\u00e9\"b");
  EXPECT_EQ(json_string("7"), "");
  EXPECT_EQ(json_string(std::nullopt), "");
}

TEST(ObjectText, AListGivesItsObjectsAndWhereToGoOn) {
  const auto page =
      parse_list(R"({"kind":"PodList","metadata":{"resourceVersion":"7","continue":"t"},"items":[)"
                 R"({"metadata":{"namespace":"shop","name":"a","uid":"u","resourceVersion":"5"},"spec":{}},)"
                 R"({"metadata":{"name":"b"}}]})");
  ASSERT_TRUE(page);
  EXPECT_EQ(page->resource_version, "7");
  EXPECT_EQ(page->continue_token, "t");
  ASSERT_EQ(page->items.size(), 2u);
  EXPECT_EQ(page->items[0].key(), "shop/a");
  EXPECT_EQ(page->items[0].uid, "u");
  EXPECT_EQ(page->items[0].resource_version, "5");
  EXPECT_EQ(page->items[1].key(), "b");
}

TEST(ObjectText, AListOfNothingMayBeNull) {
  const auto page = parse_list(R"({"metadata":{"resourceVersion":"7"},"items":null})");
  ASSERT_TRUE(page);
  EXPECT_TRUE(page->items.empty());
}

TEST(ObjectText, WhatIsNoListIsRefused) {
  for (const char* body : {"", "502 Bad Gateway", "{}", R"({"metadata":{}})",
                           R"({"metadata":{},"items":[{"metadata":{"name":"a"}})",
                           R"({"metadata":{},"items":[{"metadata":{}}]})", R"({"metadata":{},"items":[7]})"})
    EXPECT_FALSE(parse_list(body)) << body;
}

TEST(ObjectText, AnErrorEventCarriesItsStatus) {
  const auto event = parse_watch_event(
      R"({"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}})");
  ASSERT_TRUE(event);
  EXPECT_EQ(event->type, WatchEvent::Type::kError);
  EXPECT_TRUE(event->error.expired());
  EXPECT_NE(event->error.message.find("too old"), std::string::npos);
}

TEST(ObjectText, ABookmarkNeedsNoName) {
  const auto event =
      parse_watch_event(R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}})");
  ASSERT_TRUE(event);
  EXPECT_EQ(event->object.resource_version, "9");
}

TEST(ObjectText, LinesThatAreNoEventAreRefused) {
  for (const char* line :
       {"", "{", R"({"type":"ADDED"})", R"({"type":"NEWS","object":{"metadata":{"name":"a"}}})",
        R"({"type":"ADDED","object":{"metadata":{}}})", R"({"type":"ADDED","object":{}})"})
    EXPECT_FALSE(parse_watch_event(line)) << line;
}

}  // namespace
}  // namespace rebalance
