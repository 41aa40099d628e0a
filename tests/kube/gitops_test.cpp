// What Argo CD would make of a RedisRebalance: the Lua of gitops/argo-cd, by its own test data; and what Argo
// CD's own code makes of it with the ConfigMap that people merge (tests/argo).
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "api/conditions.h"
#include "codec/yaml.h"
#include "rig/control_plane.h"
#include "rig/process.h"
#include "rig/temp_folder.h"

namespace rebalance {
namespace {

namespace fs = std::filesystem;

const fs::path kFolder = fs::path(SOURCE_FOLDER) / "gitops/argo-cd/redisrebalance.io/RedisRebalance";

// Prints any value with its keys in order.
constexpr const char* kShow = R"(
function show(value)
  if type(value) ~= "table" then return string.format("%q", tostring(value)) end
  local keys = {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  local parts = {}
  for _, key in ipairs(keys) do parts[#parts + 1] = tostring(key) .. "=" .. show(value[key]) end
  return "{" .. table.concat(parts, ",") .. "}"
end
)";

YamlNode parsed(const fs::path& file) {
  auto documents = parse_yaml(rig::read_file(file), file.filename());
  if (!documents || documents->size() != 1) throw std::runtime_error(file.string() + " is not one document");
  return documents->front();
}

// A YAML value as a Lua literal.
std::string literal(const YamlNode& node) {
  std::string text;
  switch (node.kind) {
    case YamlNode::Kind::kNull: return "nil";
    case YamlNode::Kind::kBoolean: return node.integer != 0 ? "true" : "false";
    case YamlNode::Kind::kInteger:
    case YamlNode::Kind::kFloat: return node.text;
    case YamlNode::Kind::kString: return "[==[" + node.text + "]==]";
    case YamlNode::Kind::kList:
      for (const auto& item : node.items) text += literal(item) + ",";
      break;
    case YamlNode::Kind::kMap:
      for (const auto& member : node.members)
        text += fmt::format("[\"{}\"]={},", member.key, literal(member.value));
      break;
  }
  return "{" + text + "}";
}

// What the program prints for `code`, without the newline; the Lua that Argo CD embeds is 5.1.
std::string lua(const std::string& code) {
  const auto done = rig::run({"lua5.1", "-"}, {.input = kShow + code});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  return done.out.substr(0, done.out.find_last_not_of('\n') + 1);
}

std::string lua_of(const std::string& script, const std::string& input) {
  return fmt::format("obj = {}\nlocal result = assert(loadfile(\"{}\"))()\n",
                     literal(parsed(kFolder / input)), (kFolder / script).string());
}

std::string shown(const YamlNode& value) { return lua("print(show(" + literal(value) + "))"); }

TEST(ArgoCd, TellsTheHealthThatItsTestDataExpects) {
  const YamlNode tests = parsed(kFolder / "health_test.yaml");
  ASSERT_GE(tests.find("tests")->items.size(), 9U);
  for (const auto& test : tests.find("tests")->items) {
    const std::string input = test.text_at({"inputPath"});
    EXPECT_EQ(lua(lua_of("health.lua", input) + "print(show(result))"), shown(*test.find("healthStatus")))
        << input;
  }
}

TEST(ArgoCd, OffersOnlyTheActionsThatMakeSenseNow) {
  const YamlNode tests = parsed(kFolder / "actions/action_test.yaml");
  for (const auto& test : tests.find("discoveryTests")->items) {
    const std::string input = test.text_at({"inputPath"});
    for (const auto& action : test.find("result")->items) {
      const std::string name = action.text_at({"name"});
      EXPECT_EQ(lua(lua_of("actions/discovery.lua", input) + "print(result[\"" + name + "\"].disabled)"),
                action.text_at({"disabled"}))
          << name << " of " << input;
    }
  }
}

// An object in the middle of its way, which says by its spec and status whether a control could do anything.
std::string lua_object(State state, const char* execution) {
  const auto outlook = outlook_of(state);
  const char* condition = outlook == Outlook::kCurrent  ? "Ready"
                          : outlook == Outlook::kFailed ? "Stalled"
                                                        : "Reconciling";
  return fmt::format(
      "obj = {{metadata={{generation=1}}, spec={{execution=\"{}\"}}, status={{observedGeneration=1, "
      "state=\"{}\", "
      "executionStarted=\"2026-01-01T00:00:00Z\", plan={{hash=\"41d8c3a0b2e67f95\"}}, "
      "conditions={{{{type=\"{}\", status=\"True\"}}}}}}}}\n",
      execution, state_name(state), condition);
}

std::string lua_result(const std::string& object, const char* script, const std::string& shown) {
  return lua(fmt::format("{}local result = assert(loadfile(\"{}\"))()\nprint(result.{})", object,
                         (kFolder / script).string(), shown));
}

TEST(ArgoCd, SeesAndOffersInEachStateWhatTheTableOfStatesSays) {
  constexpr std::pair<Control, const char*> kActions[] = {{Control::kApprove, "approve"},
                                                          {Control::kPause, "pause"},
                                                          {Control::kResume, "resume"},
                                                          {Control::kCancel, "cancel"},
                                                          {Control::kRollBack, "rollback"}};
  for (const auto state : kAllStates) {
    EXPECT_EQ(lua_result(lua_object(state, "Run"), "health.lua", "status"), argo_health_of(state))
        << state_name(state);
    for (const auto& [control, action] : kActions) {
      const auto object = lua_object(state, control == Control::kResume ? "Paused" : "Run");
      EXPECT_EQ(lua_result(object, "actions/discovery.lua", action + std::string(".disabled")),
                allows(state, control) ? "false" : "true")
          << action << " of " << state_name(state);
    }
  }
}

TEST(ArgoCd, ChangesWithAnActionTheSpecAndNothingElse) {
  const YamlNode tests = parsed(kFolder / "actions/action_test.yaml");
  for (const auto& test : tests.find("actionTests")->items) {
    const std::string script = "actions/" + test.text_at({"action"}) + "/action.lua";
    EXPECT_EQ(lua(lua_of(script, test.text_at({"inputPath"})) + "print(show(result))"),
              shown(parsed(kFolder / test.text_at({"expectedOutputPath"}))))
        << script;
  }
}

// The program of tests/argo on the module of Argo CD, which scripts/kube-tools builds only when asked.
class ArgoCdItself : public testing::Test {
 protected:
  void SetUp() override {
    try {
      program_ = rig::kube_tool("argo-lua");
    } catch (const std::runtime_error& missing) {
      GTEST_SKIP() << "not run: " << missing.what();
    }
  }
  YamlNode said_of(const std::string& input, const std::string& action = "") const {
    std::vector<std::string> words = {program_, kSettings, kFolder / input};
    if (!action.empty()) words.push_back(action);
    const auto done = rig::run(words);
    EXPECT_EQ(done.exit_code, 0) << input << ": " << done.err;
    const auto documents = parse_yaml(done.out, input);
    return documents && documents->size() == 1 ? documents->front() : YamlNode{};
  }

 private:
  const fs::path kSettings = fs::path(SOURCE_FOLDER) / "gitops/argo-cd/argocd-cm.yaml";
  fs::path program_;
};

TEST_F(ArgoCdItself, LongTellsTheSameHealth) {
  const YamlNode tests = parsed(kFolder / "health_test.yaml");
  for (const auto& test : tests.find("tests")->items) {
    const std::string input = test.text_at({"inputPath"});
    const YamlNode said = said_of(input);
    for (const char* what : {"status", "message"})
      EXPECT_EQ(said.text_at({"health", what}), test.text_at({"healthStatus", what})) << input;
  }
}

TEST_F(ArgoCdItself, LongOffersTheSameActions) {
  const YamlNode tests = parsed(kFolder / "actions/action_test.yaml");
  for (const auto& test : tests.find("discoveryTests")->items) {
    const std::string input = test.text_at({"inputPath"});
    const YamlNode said = said_of(input);
    ASSERT_NE(said.find("actions"), nullptr) << input;
    EXPECT_EQ(said.find("actions")->items.size(), test.find("result")->items.size()) << input;
    for (const auto& action : test.find("result")->items) {
      const std::string name = action.text_at({"name"});
      const auto& offered = said.find("actions")->items;
      const auto found =
          std::ranges::find_if(offered, [&](const auto& each) { return each.text_at({"name"}) == name; });
      ASSERT_NE(found, offered.end()) << name << " of " << input;
      // What is false is left out.
      EXPECT_EQ(found->find("disabled") != nullptr, action.text_at({"disabled"}) == "true")
          << name << " of " << input;
    }
  }
}

TEST_F(ArgoCdItself, LongChangesTheSame) {
  const YamlNode tests = parsed(kFolder / "actions/action_test.yaml");
  for (const auto& test : tests.find("actionTests")->items) {
    const std::string action = test.text_at({"action"});
    EXPECT_EQ(shown(said_of(test.text_at({"inputPath"}), action)),
              shown(parsed(kFolder / test.text_at({"expectedOutputPath"}))))
        << action;
  }
}

TEST(Samples, LeaveToPeopleWhatPeopleSet) {
  int seen = 0;
  for (const auto& file : fs::directory_iterator(fs::path(SOURCE_FOLDER) / "samples")) {
    const YamlNode sample = parsed(file.path());
    ++seen;
    EXPECT_EQ(sample.at({"spec", "execution"}), nullptr) << file.path();
    EXPECT_EQ(sample.at({"spec", "approval", "planHash"}), nullptr) << file.path();
  }
  EXPECT_GE(seen, 4);
}

}  // namespace
}  // namespace rebalance
