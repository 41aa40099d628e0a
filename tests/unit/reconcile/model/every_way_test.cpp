// decide over time: from every state that some events lead to, once faults are over and nobody changes the
// spec, it comes to rest, stays there, says what is true, and breaks no rule on the way.
#include <fmt/format.h>

#include <functional>

#include "contract.h"
#include "way.h"

namespace rebalance::model {
namespace {

constexpr int kQuiet = 9;      // steps after which a run that nothing disturbs is at its end
constexpr int kLongest = 400;  // steps to rest
constexpr int kTurns = 120;    // of two executors until both rest
constexpr int kStays = 12;     // steps without an action or a change of state that make a rest

struct Variant {
  const char* name;
  std::function<void(RebalanceSpec&)> set;
};
void PrintTo(const Variant& variant, std::ostream* out) { *out << variant.name; }

Way start(const Variant& variant) {
  Way way;
  auto& spec = way.resource.spec;
  spec.goal.type = GoalType::kMove;
  spec.goal.assignments = {{SlotSet::parse("0-5,8192-8197").value(), "redis-2"}};
  spec.batch.max_slots = 3;
  way.scene.zones = {{"UTC", {}}};
  variant.set(spec);
  way.calm();
  return way;
}

std::string told(int quiet, const std::vector<Event>& events, const Way& way) {
  std::string text = fmt::format("after {} quiet steps:", quiet);
  for (const auto event : events) text += fmt::format(" {},", name_of(event));
  return text + fmt::format(" then {} ({}: {})", state_name(way.status.state), way.status.reason,
                            way.status.message);
}

class EveryWay : public testing::TestWithParam<Variant> {
 protected:
  // Of all ways of `length` events that begin with `events`.
  void go_on(int quiet, std::vector<Event>& events, int length) {
    if (HasFailure()) return;
    if (length == 0) return follow(quiet, events);
    for (const auto event : all_events()) {
      events.push_back(event);
      go_on(quiet, events, length - 1);
      events.pop_back();
    }
  }

  void follow(int quiet, const std::vector<Event>& events) {
    Way way = start(GetParam());
    for (int i = 0; i < quiet; i++) way.step(Event::kNothing);
    for (const auto event : events) way.step(event);
    way.calm();
    int still = 0;
    for (int i = 0; i < kLongest && still < kStays; i++) {
      const bool changed = way.step(Event::kNothing);
      still = changed || !rests(way.status.state) ? 0 : still + 1;
    }
    EXPECT_EQ(still, kStays) << "no end; " << told(quiet, events, way);
    way.look_at_the_end();
    EXPECT_THAT(way.broken, testing::IsEmpty()) << told(quiet, events, way);
    ends[way.status.state]++;
    ways++;
  }

  std::map<State, int> ends;
  int ways = 0;
};

TEST_P(EveryWay, ComesToRestStaysThereAndSaysWhatIsTrue) {
  std::vector<Event> events;
  for (int quiet = 0; quiet < kQuiet; quiet += in_form(1, 2, 3)) go_on(quiet, events, in_form(3, 2, 2));
  std::string text = fmt::format("{} ways:", ways);
  for (const auto& [state, many] : ends) text += fmt::format(" {} {}", many, state_name(state));
  std::cout << text << '\n';
}

// Both for the same goal, by turns; events happen to the first. Of claims there is one.
TEST(TwoExecutors, NeverMoveAtOnceAndBothComeToRest) {
  const Variant plain{"Plain", [](RebalanceSpec&) {}};
  const auto tell = [](const Way& from, Way& to) {
    to.scene.world.nodes = from.scene.world.nodes;
    to.scene.claimed_by = from.scene.claim_held ? "the other" : "";
    if (from.scene.claim_held) to.scene.claim_held = false;
  };
  for (int quiet = 0; quiet < kQuiet; quiet++) {
    for (const auto event : all_events()) {
      // What they say of the claim is for the claim itself to decide.
      if (event == Event::kAnotherClaims || event == Event::kOtherGone) continue;
      Way first = start(plain), second = start(plain);
      for (int i = 0; i < kTurns; i++) {
        first.step(i == quiet ? event : Event::kNothing);
        if (i > quiet) first.calm_but_claims();
        tell(first, second);
        second.step(Event::kNothing);
        tell(second, first);
        ASSERT_TRUE(first.scene.running.empty() || second.scene.running.empty())
            << told(quiet, {event}, first) << " beside " << told(quiet, {event}, second);
      }
      EXPECT_TRUE(rests(first.status.state)) << told(quiet, {event}, first);
      EXPECT_TRUE(rests(second.status.state)) << told(quiet, {event}, second);
      EXPECT_THAT(first.broken, testing::IsEmpty()) << told(quiet, {event}, first);
      EXPECT_THAT(second.broken, testing::IsEmpty()) << told(quiet, {event}, second);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Specs, EveryWay,
    testing::Values(
        Variant{"Plain", [](RebalanceSpec&) {}},
        Variant{"OnePairAtATime", [](RebalanceSpec& spec) { spec.batch.parallel_pairs = 1; }},
        Variant{"ApprovedByAPerson", [](RebalanceSpec& spec) { spec.approval.mode = ApprovalMode::kManual; }},
        Variant{"Canary",
                [](RebalanceSpec& spec) {
                  spec.canary.slots = 2;
                  spec.canary.observe_seconds = 5;
                }},
        Variant{"RollsBackOnFailure", [](RebalanceSpec& spec) { spec.on_failure = OnFailure::kRollBack; }},
        Variant{"AtNight",
                [](RebalanceSpec& spec) {
                  spec.windows = {
                      {{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}, "01:00", "02:00", "UTC"}};
                }}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace rebalance::model
