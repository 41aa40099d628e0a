// What Argo CD would make of a RedisRebalance: the Lua of gitops/argo-cd, by its own test data.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/yaml.h"
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

TEST(ArgoCd, ChangesWithAnActionTheSpecAndNothingElse) {
  const YamlNode tests = parsed(kFolder / "actions/action_test.yaml");
  for (const auto& test : tests.find("actionTests")->items) {
    const std::string script = "actions/" + test.text_at({"action"}) + "/action.lua";
    EXPECT_EQ(lua(lua_of(script, test.text_at({"inputPath"})) + "print(show(result))"),
              shown(parsed(kFolder / test.text_at({"expectedOutputPath"}))))
        << script;
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
