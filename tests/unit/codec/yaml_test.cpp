#include "codec/yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rebalance {
namespace {

using ::testing::HasSubstr;
using Kind = YamlNode::Kind;

YamlNode value_of(const std::string& text) {
  return *parse_yaml("a: " + text, "x.yaml").value().at(0).find("a");
}
std::string message(const std::string& text) {
  const auto documents = parse_yaml(text, "x.yaml");
  return documents ? "accepted" : documents.error().message;
}

struct Row {
  const char* text;
  Kind kind;
};

// As sigs.k8s.io/yaml, and so kubectl, resolves them.
constexpr Row kRows[] = {
    {"no", Kind::kBoolean},
    {"yes", Kind::kBoolean},
    {"off", Kind::kBoolean},
    {"y", Kind::kBoolean},
    {"True", Kind::kBoolean},
    {"tRue", Kind::kString},
    {"~", Kind::kNull},
    {"Null", Kind::kNull},
    {"", Kind::kNull},
    {"12", Kind::kInteger},
    {"+1", Kind::kInteger},
    {"-1", Kind::kInteger},
    {"0x1F", Kind::kInteger},
    {"0755", Kind::kInteger},
    {"08", Kind::kInteger},
    {"1.5", Kind::kFloat},
    {"1e3", Kind::kFloat},
    {"1.", Kind::kFloat},
    {".5", Kind::kFloat},
    {"12:30", Kind::kString},
    {"1e", Kind::kString},
    {"2001-01-01", Kind::kString},
    {"1Gi", Kind::kString},
    {"\"no\"", Kind::kString},
    {"'1'", Kind::kString},
    {"\"\"", Kind::kString},
    {"10.1.2.3", Kind::kString},
    {"--1", Kind::kString},
    {"99999999999999999999", Kind::kFloat},
};

TEST(Yaml, GivesPlainScalarsTheTypesThatKubectlGives) {
  for (const auto& [text, kind] : kRows) EXPECT_EQ(value_of(text).kind, kind) << text;
  EXPECT_EQ(value_of("0755").integer, 493);
  EXPECT_EQ(value_of("-12").integer, -12);
}

TEST(Yaml, ReadsManyDocumentsAndLeavesEmptyOnesOut) {
  EXPECT_EQ(parse_yaml("---\na: 1\n---\n---\n# nothing\n---\nb: 2\n", "x").value().size(), 2U);
  EXPECT_TRUE(parse_yaml("", "x").value().empty());
}

TEST(Yaml, ReadsJsonByTheSameRules) {
  const auto document =
      parse_yaml(R"({"kind":"Pod","spec":{"on":true,"n":[1,"2",null],"u":"\u00e9\/"}})", "x").value().at(0);
  EXPECT_EQ(document.text_at({"kind"}), "Pod");
  EXPECT_EQ(document.at({"spec", "n"})->items.at(1).kind, Kind::kString);
  EXPECT_EQ(document.text_at({"spec", "u"}), "\u00e9/");
}

TEST(Yaml, RemembersTheLineOfEachKey) {
  const auto document = parse_yaml("a: 1\nb:\n  c:\n\n    d: 2\n", "x").value().at(0);
  EXPECT_EQ(document.find("b")->line, 2);
  EXPECT_EQ(document.at({"b", "c", "d"})->line, 5);
}

TEST(Yaml, PutsAliasesIn) {
  EXPECT_EQ(parse_yaml("a: &x {k: 1}\nb: *x\n", "x").value().at(0).at({"b", "k"})->integer, 1);
}

TEST(Yaml, RefusesBrokenTextWithItsLine) {
  EXPECT_THAT(message("a: 1\nb: [1,\n"), ::testing::StartsWith("x.yaml:"));
  EXPECT_THAT(message("a: 1\n b: 2\n"), ::testing::StartsWith("x.yaml:2: not valid YAML"));
  EXPECT_EQ(message("a: 1\nb: 2\na: 3\n"), "x.yaml:3: \"a\" stands here twice, first on line 1");
  EXPECT_EQ(message("? [a]\n: 1\n"), "x.yaml:1: a key must be plain text");
  EXPECT_EQ(message(std::string("a: \0", 4)), "x.yaml: not a text file: it holds a zero byte");
}

TEST(Yaml, RefusesWhatIsNotUtf8) {
  for (const char* bad : {"\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x28\xa1"}) {
    EXPECT_NE(message(std::string("a: 1\nb: \"") + bad + "\"\n"), "accepted");
  }
  EXPECT_EQ(value_of("\"\u00e9\u20ac\U0001F600\"").text, "\u00e9\u20ac\U0001F600");
}

TEST(Yaml, RefusesNestingThatIsTooDeep) {
  EXPECT_THAT(message(std::string(100, '[')), HasSubstr("nested deeper than 64 levels"));
  EXPECT_NE(message(std::string(100'000, '[')), "accepted");
  EXPECT_NE(message(std::string(100'000, '{')), "accepted");
}

// Nine lines that mean ten to the ninth values.
TEST(Yaml, RefusesAnAliasBomb) {
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 9; ++i) {
    const auto last = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last;
    for (int j = 1; j < 10; ++j) bomb += "," + last;
    bomb += "]\n";
  }
  EXPECT_THAT(message(bomb), HasSubstr("values"));
}

TEST(Yaml, RefusesAnAliasInsideWhatItNames) { EXPECT_NE(message("a: &x [*x]\n"), "accepted"); }

}  // namespace
}  // namespace rebalance
