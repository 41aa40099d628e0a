// docs/status.md says what the code does.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "api/conditions.h"

namespace rebalance {
namespace {

using ::testing::HasSubstr;

std::string document() {
  std::ifstream file(SOURCE_FOLDER "/docs/status.md");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string controls_in(State state) {
  constexpr std::pair<Control, const char*> kNames[] = {{Control::kApprove, "approve"},
                                                        {Control::kPause, "pause"},
                                                        {Control::kResume, "resume"},
                                                        {Control::kCancel, "cancel"},
                                                        {Control::kRollBack, "rollback"}};
  std::vector<std::string> names;
  for (const auto& [control, name] : kNames) {
    if (allows(state, control)) names.emplace_back(name);
  }
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

TEST(StatusDocument, HasARowForEachStateWithWhatProgramsMakeOfItAndPeopleCanDo) {
  const auto text = document();
  for (const auto state : kAllStates) {
    const auto outlook = outlook_of(state);
    const char* verdict = outlook == Outlook::kCurrent  ? "Ready | Current"
                          : outlook == Outlook::kFailed ? "Stalled | Failed"
                                                        : "Reconciling | InProgress";
    EXPECT_THAT(text, HasSubstr(fmt::format("\n| {} | {} | {} | {} | ", state_name(state), verdict,
                                            argo_health_of(state), controls_in(state))));
  }
}

TEST(StatusDocument, HasARowForEachCondition) {
  const auto text = document();
  for (const auto& condition : conditions_of({}, {RebalanceSpec{}, 1, nullptr, "2026-01-01T00:00:00Z"}, {}))
    EXPECT_THAT(text, HasSubstr(fmt::format("\n| {} | ", condition.type)));
}

}  // namespace
}  // namespace rebalance
