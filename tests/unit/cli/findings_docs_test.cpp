// docs/findings explains each name that people are shown, with a page or in the last table of its README. The
// names are read from the sources, in the ways in which they are written there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

namespace rebalance {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAreArray;
using Names = std::set<std::string>;

const fs::path kSources = SOURCE_FOLDER "/operator", kPages = SOURCE_FOLDER "/docs/findings";

std::string text_of(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// What the groups of `pattern` match right after each `start`.
Names names_after(const std::string& text, const std::string& start, const std::regex& pattern) {
  Names names;
  std::cmatch match;
  for (auto at = text.find(start); at != std::string::npos; at = text.find(start, at + 1)) {
    if (!std::regex_search(&text[at] + start.size(), match, pattern, std::regex_constants::match_continuous))
      continue;
    for (std::size_t i = 1; i < match.size(); i++) {
      if (match[i].matched) names.insert(match[i]);
    }
  }
  return names;
}

Names names_in_sources() {
  const std::string name = "([A-Z][a-z]+(?:[A-Z][a-z]+)*)\"", quoted = '"' + name;
  const std::string one_of_two = R"(\s*(?:\w+ \? )?)" + quoted + "(?: : " + quoted + ")?";
  const std::regex finding("(?:Blocker|Warning),\\s*" + quoted), wall("\\w+: return " + quoted), bare(name);
  const std::regex state("\\w+," + one_of_two), refused(one_of_two), assigned(one_of_two + ";");
  Names names;
  for (const auto& entry : fs::recursive_directory_iterator(kSources)) {
    if (!entry.is_regular_file()) continue;
    const auto text = text_of(entry.path());
    names.merge(names_after(text, "Severity::k", finding));
    names.merge(names_after(text, "State::k", state));
    names.merge(names_after(text, ".reason =", assigned));
    names.merge(names_after(text, "Refusal{", refused));
    names.merge(names_after(text, "case Wall::k", wall));
    names.merge(names_after(text, "Verb::kHold, \"", bare));
    names.merge(names_after(text, "kStillNeeded = \"", bare));
    // There each such literal is a reason or the name of a finding.
    if (entry.path().parent_path().filename() == "reconcile") names.merge(names_after(text, "\"", bare));
  }
  // Days of the week, a value of spec.execution, an outcome that is not shown.
  for (const char* other : {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "PlanOnly", "Closed"})
    EXPECT_EQ(names.erase(other), 1U) << other << " is not there any more";
  return names;
}

Names pages() {
  Names names;
  for (const auto& entry : fs::directory_iterator(kPages)) names.insert(entry.path().stem());
  names.erase("README");
  return names;
}

TEST(FindingsDocs, ExplainEachNameOfTheSourcesAndNoOther) {
  const auto rows = names_after(text_of(kPages / "README.md"), "\n| ", std::regex("([A-Z]\\w+) \\|"));
  auto explained = pages();
  for (const auto& name : rows) EXPECT_TRUE(explained.insert(name).second) << name << " has a page";
  EXPECT_THAT(names_in_sources(), UnorderedElementsAreArray(explained));
}

TEST(FindingsDocs, TheReadmeListsThePages) {
  const std::regex row(R"(\[(\w+)\]\(\1\.md\) \|)");
  EXPECT_THAT(names_after(text_of(kPages / "README.md"), "\n| ", row), UnorderedElementsAreArray(pages()));
}

TEST(FindingsDocs, EachPageHasTheSameShapeAndLinksToWhatIsThere) {
  for (const auto& name : pages()) {
    const auto text = text_of(kPages / (name + ".md"));
    EXPECT_THAT(text, StartsWith("# " + name + "\n\n## What it means\n"));
    EXPECT_THAT(text, HasSubstr("\n## How to see it\n\n    "));
    EXPECT_THAT(text, HasSubstr("\n## What to do\n\n"));
    for (const auto& link : names_after(text, "](", std::regex("([^)#]+)")))
      EXPECT_TRUE(fs::exists(kPages / link)) << link;
  }
}

}  // namespace
}  // namespace rebalance
