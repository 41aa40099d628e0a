#include "cli/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace rebalance {
namespace {

using testing::HasSubstr;

Parsed parse(std::vector<const char*> words) {
  words.insert(words.begin(), "redis-rebalance");
  return parse_options(static_cast<int>(words.size()), words.data());
}

TEST(Options, FilesMayBeRepeatedAndKeepTheirOrder) {
  const auto parsed = parse({"plan", "-f", "rebalance.yaml", "-f", "-", "--filename", "pods/"});
  ASSERT_TRUE(parsed.options);
  EXPECT_THAT(parsed.options->files, testing::ElementsAre("rebalance.yaml", "-", "pods/"));
}

TEST(Options, NamespacesMayBeRepeatedOrStandInOneList) {
  const auto parsed = parse({"operator", "--namespaces", "shop,billing", "--namespaces", "search"});
  ASSERT_TRUE(parsed.options) << parsed.text;
  EXPECT_THAT(parsed.options->name_spaces, testing::ElementsAre("shop", "billing", "search"));
}

TEST(Options, VerboseStandsBeforeOrAfterTheCommand) {
  EXPECT_TRUE(parse({"-v", "plan", "-f", "x"}).options->verbose);
  EXPECT_TRUE(parse({"plan", "-f", "x", "--verbose"}).options->verbose);
}

TEST(Options, PlanAndRunShareAStateFolder) {
  EXPECT_EQ(parse({"plan", "-f", "x", "--state", "here"}).options->state, "here");
  EXPECT_EQ(parse({"run", "-f", "x", "--state", "here"}).options->state, "here");
}

TEST(Options, OutputsAreNamed) {
  EXPECT_EQ(parse({"plan", "-f", "x"}).options->output, Output::kText);
  EXPECT_EQ(parse({"plan", "-f", "x", "-o", "json"}).options->output, Output::kJson);
  EXPECT_EQ(parse({"check", "-f", "x", "-o", "yaml"}).options->output, Output::kYaml);
  EXPECT_EQ(parse({"run", "-f", "x", "-o", "text"}).options->output, Output::kText);
  EXPECT_EQ(parse({"explain", "balance", "--output", "json"}).options->output, Output::kJson);
}

TEST(Options, ControlsNameOneResource) {
  const auto parsed = parse({"approve", "balance", "-n", "shop", "--context", "prod"});
  ASSERT_TRUE(parsed.options) << parsed.text;
  EXPECT_EQ(parsed.options->command, Command::kApprove);
  EXPECT_EQ(parsed.options->name, "balance");
  EXPECT_EQ(parsed.options->name_space, "shop");
  EXPECT_EQ(parsed.options->context, "prod");
}

TEST(Options, HelpOfEachCommandHasAnExampleAndExitsWithZero) {
  for (const char* command : {"plan", "explain", "run", "check", "operator", "get", "watch", "approve",
                              "pause", "resume", "cancel", "rollback", "version", "completion"}) {
    const auto parsed = parse({command, "--help"});
    EXPECT_FALSE(parsed.options);
    EXPECT_EQ(parsed.exit_code, 0);
    EXPECT_THAT(parsed.text, HasSubstr("Example:\n"));
    EXPECT_THAT(parsed.text, HasSubstr(std::string("redis-rebalance ") + command));
  }
}

TEST(Options, WhatCannotBeMeantIsAUsageErrorWithASentence) {
  const std::vector<std::pair<std::vector<const char*>, const char*>> table = {
      {{}, "name a command"},
      {{"plam"}, "there is no command \"plam\""},
      {{"plan"}, "no -f"},
      {{"plan", "-f"}, "1 required FILE missing"},
      {{"plan", "-f", "x", "y"}, "not expected: y"},
      {{"plan", "-f", "x", "--bogus"}, "--bogus"},
      {{"run", "-f", "x", "-o", "yaml"}, "\"yaml\" is none of text, json"},
      {{"run", "-f", "x", "--plan-hash", "xyz"}, "16 hex digits"},
      {{"run", "-f", "x", "--wait", "-1"}, "not in range"},
      {{"check", "-f", "x", "--big-keys", "--verify"}, "use one of them"},
      {{"plan", "-f", "x", "--save", "a", "--from", "b"}, "use one of them"},
      {{"pause"}, "name is required"},
      {{"explain"}, "no -f"},
      {{"explain", "balance", "-f", "x"}, "a name asks an API server"},
      {{"explain", "balance", "--from", "x"}, "a name asks an API server"},
      {{"explain", "-f", "x", "--slot", "16384"}, "not in range 0 to 16383"},
      {{"explain", "-f", "x", "--slot", "-1"}, "not in range 0 to 16383"},
      {{"explain", "-f", "x", "--slot", "1", "--pod", "p"}, "excludes"},
      {{"approve", "x", "--plan-hash", "1"}, "16 hex digits"},
      {{"get", "x", "-A"}, "leave --all-namespaces out"},
      {{"completion", "fish"}, "\"fish\" is none of bash, zsh"},
  };
  for (const auto& [words, sentence] : table) {
    const auto parsed = parse(words);
    EXPECT_FALSE(parsed.options) << sentence;
    EXPECT_EQ(parsed.exit_code, 2) << sentence;
    EXPECT_THAT(parsed.text, testing::StartsWith("redis-rebalance: ")) << sentence;
    EXPECT_THAT(parsed.text, HasSubstr(sentence));
  }
}

// What bash offers for the last of the words.
std::string completed(const std::string& words, int count) {
  const std::string file = testing::TempDir() + "completion.bash";
  std::ofstream(file) << completion_script("bash") << "COMP_WORDS=(redis-rebalance " << words
                      << ")\nCOMP_CWORD=" << count << "\n_redis_rebalance\necho \"${COMPREPLY[@]}\"\n";
  const auto closed = [](FILE* pipe) { pclose(pipe); };
  const std::unique_ptr<FILE, decltype(closed)> pipe(popen(("bash " + file).c_str(), "r"), closed);
  std::string out(4096, '\0');
  out.resize(fread(out.data(), 1, out.size(), pipe.get()));
  return out;
}

TEST(Completion, BashOffersCommandsOptionsAndChoices) {
  EXPECT_EQ(completed("pl", 1), "plan\n");
  EXPECT_EQ(completed("plan --s", 2), "--save --state\n");
  EXPECT_EQ(completed("run -o ''", 3), "text json\n");
  EXPECT_EQ(completed("completion z", 2), "zsh\n");
}

TEST(Completion, ZshKnowsEachCommandAndItsOptions) {
  const auto script = completion_script("zsh");
  EXPECT_THAT(script, testing::StartsWith("#compdef redis-rebalance\n"));
  EXPECT_THAT(
      script,
      HasSubstr("'(-o --output)'{-o,--output}'[how the answer is written]:choice:(table json yaml)'"));
}

}  // namespace
}  // namespace rebalance
