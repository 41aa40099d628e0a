#include "explorer.h"

#include <fmt/format.h>

#include <deque>
#include <random>
#include <unordered_set>

namespace rebalance::model {
namespace {

using Schedule = std::vector<Deviation>;

std::optional<Finding> run(World& world, const Schedule& schedule) {
  try {
    world.run();
  } catch (const Pruned&) {
  } catch (const Broken& broken) {
    return Finding{broken.invariant, broken.how, schedule};
  }
  return std::nullopt;
}

}  // namespace

std::string Finding::text() const {
  std::string text;
  for (const auto& deviation : schedule)
    text += fmt::format("{}{} {} ({})", text.empty() ? "" : ", ", deviation.action.text(), deviation.where,
                        deviation.point);
  return text.empty() ? "nothing else happens" : text;
}

Exploration explore(const Scenario& scenario, Removed removed, int most_runs) {
  Exploration result;
  std::unordered_set<std::size_t> met;
  std::deque<Schedule> waiting{{}};
  for (; !waiting.empty(); waiting.pop_front()) {
    if (result.runs == most_runs) {
      result.complete = false;
      break;
    }
    ++result.runs;
    const auto& schedule = waiting.front();
    Schedule branches;
    std::size_t next = 0;
    int point = 0;
    World* seen = nullptr;
    World world(scenario, removed, [&](const std::vector<Action>& actions) -> std::size_t {
      const int now = point++;
      seen->replays = next < schedule.size();
      if (seen->replays) {
        if (schedule[next].point != now) return 0;
        const auto& wanted = schedule[next++].action;
        seen->replays = next < schedule.size();
        return static_cast<std::size_t>(std::ranges::find(actions, wanted) - actions.begin());
      }
      if (!met.insert(std::hash<std::string>()(seen->state())).second) throw Pruned();
      for (std::size_t i = 1; i < actions.size(); ++i)
        branches.push_back({now, seen->position(), actions[i]});
      return 0;
    });
    seen = &world;
    result.finding = run(world, schedule);
    if (result.finding) break;
    for (auto& branch : branches) {
      auto longer = waiting.front();
      longer.push_back(std::move(branch));
      waiting.push_back(std::move(longer));
    }
  }
  result.states = met.size();
  return result;
}

std::optional<Finding> run_seed(const Scenario& scenario, Removed removed, unsigned seed) {
  std::mt19937 random(seed);
  Schedule schedule;
  int point = 0;
  const World* seen = nullptr;
  World world(scenario, removed, [&](const std::vector<Action>& actions) -> std::size_t {
    const int now = point++;
    if (actions.size() < 2 || random() % (4U << seed % 5) != 0) return 0;
    const auto chosen = 1 + random() % (actions.size() - 1);
    schedule.push_back({now, seen->position(), actions[chosen]});
    return chosen;
  });
  seen = &world;
  auto finding = run(world, schedule);
  if (finding) finding->schedule = schedule;
  return finding;
}

}  // namespace rebalance::model
