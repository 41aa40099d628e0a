#include "cli/steer.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "api/conditions.h"
#include "control/run.h"
#include "reconcile/decide.h"

namespace rebalance {
namespace {

using nlohmann::json;

// The text or number at `path`, "" where there is none.
std::string text_at(const json& object, const char* path) {
  const json::json_pointer at(path);
  if (!object.contains(at)) return {};
  const auto& value = object.at(at);
  return value.is_string() ? value.get<std::string>() : value.dump();
}

State state_of(const json& object) {
  return state_of_name(text_at(object, "/status/state")).value_or(State::kPlanning);
}

// The condition that says what a person wants to know.
std::string ready(const json& object, const char* what) {
  for (const auto& condition : object.value("/status/conditions"_json_pointer, json::array())) {
    if (condition.value("type", "") == "Ready") return condition.value(what, "");
  }
  return {};
}

std::string execution_of(const json& object) {
  const auto execution = text_at(object, "/spec/execution");
  return execution.empty() ? "Run" : execution;
}

std::unexpected<Error> meaningless(const json& object, const std::string& why) {
  return error(ErrorCode::kConflict, fmt::format("{} is {}: {}", text_at(object, "/metadata/name"),
                                                 state_name(state_of(object)), why));
}

Steering set(const json& object, const json& spec, std::string said) {
  const json patch = {{"metadata", {{"resourceVersion", text_at(object, "/metadata/resourceVersion")}}},
                      {"spec", spec}};
  return {patch.dump(), fmt::format("{}: {}", text_at(object, "/metadata/name"), said)};
}

Result<Steering> approve(const json& object, const std::string& plan_hash) {
  const auto hash = text_at(object, "/status/plan/hash");
  if (!allows(state_of(object), Control::kApprove) || hash.empty())
    return meaningless(object, "no plan waits for approval");
  if (!plan_hash.empty() && plan_hash != hash)
    return meaningless(object, fmt::format("its plan is {} by now: look at it again", hash));
  return set(object, {{"approval", {{"planHash", hash}}}},
             fmt::format("plan {} is approved: {} slots, {}", hash, text_at(object, "/status/plan/slots"),
                         text_at(object, "/status/plan/bytes")));
}

Result<Steering> pause(const json& object) {
  if (!allows(state_of(object), Control::kPause)) return meaningless(object, "there is nothing to pause");
  if (execution_of(object) == "Paused") return meaningless(object, "it was paused before");
  return set(object, {{"execution", "Paused"}}, "stops at the next safe point and holds");
}

Result<Steering> resume(const json& object) {
  const auto execution = execution_of(object);
  if (!allows(state_of(object), Control::kResume))
    return meaningless(object, "there is nothing to resume; make a new one");
  if (execution != "Paused")
    return meaningless(object, fmt::format("its execution is {}, not Paused", execution));
  return set(object, {{"execution", "Run"}}, "goes on");
}

Result<Steering> cancel(const json& object) {
  if (!allows(state_of(object), Control::kCancel)) return meaningless(object, "there is nothing to cancel");
  return set(object, {{"execution", "Cancelled"}},
             "stops at the next safe point for good; what was moved stays");
}

Result<Steering> roll_back(const json& object) {
  const auto state = state_of(object);
  if (state == State::kRollingBack) return meaningless(object, "it is on its way back already");
  if (!allows(state, Control::kRollBack)) return meaningless(object, "that is final; make a new one");
  if (text_at(object, "/status/executionStarted").empty())
    return meaningless(object, "no slot has moved yet");
  return set(object, {{"execution", "RollBack"}}, "takes every slot back to where it was");
}

Colour colour_of(const json& object) {
  const auto code = exit_code_of(object);
  if (!code) return state_of(object) == State::kAwaitingApproval ? Colour::kYellow : Colour::kPlain;
  return *code == kDone ? Colour::kGreen : Colour::kRed;
}

std::string percent_text(const std::string& number) { return number.empty() ? number : number + " %"; }

std::string nodes_text(const json& object, const Palette& palette) {
  Table table({{"POD"},
               {"LIMIT", Align::kRight},
               {"CEILING", Align::kRight},
               {"USED", Align::kRight},
               {"RSS", Align::kRight},
               {"PEAK", Align::kRight},
               {"SLOTS", Align::kRight}});
  for (const auto& node : object.value("/status/nodes"_json_pointer, json::array())) {
    std::vector<Cell> cells;
    for (const char* field : {"/pod", "/limit", "/ceiling", "/used", "/rss", "/peak", "/slots"})
      cells.emplace_back(text_at(node, field));
    table.row(std::move(cells));
  }
  return table.empty() ? std::string() : "\n" + table.text(palette);
}

std::string failures_text(const json& object) {
  std::string text;
  for (const auto& failure : object.value("/status/failures"_json_pointer, json::array()))
    text += fmt::format("Failure {} at {}: {}\n", text_at(failure, "/attempt"), text_at(failure, "/time"),
                        text_at(failure, "/message"));
  return text.empty() ? text : "\n" + text;
}

}  // namespace

Result<Steering> steering(Command control, const json& object, const std::string& plan_hash) {
  switch (control) {
    case Command::kApprove: return approve(object, plan_hash);
    case Command::kPause: return pause(object);
    case Command::kResume: return resume(object);
    case Command::kCancel: return cancel(object);
    case Command::kRollBack: return roll_back(object);
    default: return error(ErrorCode::kInternal, "this command steers nothing");
  }
}

std::string list_text(const std::vector<json>& objects, bool with_name_space, const Palette& palette) {
  std::vector<Column> columns = {{"NAME"},
                                 {"CLUSTER"},
                                 {"STATE"},
                                 {"REASON"},
                                 {"PROGRESS", Align::kRight},
                                 {"MOVED", Align::kRight},
                                 {"PEAK", Align::kRight},
                                 {"ETA", Align::kRight}};
  if (with_name_space) columns.insert(columns.begin(), {"NAMESPACE"});
  Table table(columns);
  for (const auto& object : objects) {
    std::vector<Cell> cells = {text_at(object, "/metadata/name"),
                               text_at(object, "/status/clusterName"),
                               {state_name(state_of(object)), colour_of(object)},
                               ready(object, "reason"),
                               percent_text(text_at(object, "/status/progress/percent")),
                               text_at(object, "/status/moved"),
                               percent_text(text_at(object, "/status/peakPercent")),
                               text_at(object, "/status/progress/eta")};
    if (with_name_space) cells.insert(cells.begin(), text_at(object, "/metadata/namespace"));
    table.row(std::move(cells));
  }
  return table.text(palette);
}

std::string object_text(const json& object, const Palette& palette) {
  std::string text = fmt::format("{}/{}  {} ({})\n{}\n", text_at(object, "/metadata/namespace"),
                                 text_at(object, "/metadata/name"),
                                 palette.paint(colour_of(object), state_name(state_of(object))),
                                 ready(object, "reason"), ready(object, "message"));
  if (const auto hash = text_at(object, "/status/plan/hash"); !hash.empty()) {
    text += fmt::format("Plan {}: {} slots, {}, {} batches\n", hash, text_at(object, "/status/plan/slots"),
                        text_at(object, "/status/plan/bytes"), text_at(object, "/status/plan/batches"));
  }
  if (object.contains("/status/progress"_json_pointer)) text += progress_line(object) + "\n";
  return text + nodes_text(object, palette) + failures_text(object);
}

std::string progress_line(const json& object) {
  auto text = fmt::format("{} ({}): {}", state_name(state_of(object)), ready(object, "reason"),
                          ready(object, "message"));
  if (!object.contains("/status/progress"_json_pointer) || exit_code_of(object)) return text;
  const auto progress = [&](const char* field) {
    return text_at(object, (std::string("/status/progress/") + field).c_str());
  };
  text += fmt::format("; {} of {} slots, {} of {}, {}/s", progress("slotsDone"), progress("slotsTotal"),
                      progress("bytesDone"), progress("bytesTotal"), progress("bytesPerSecond"));
  if (const auto eta = progress("eta"); !eta.empty()) text += fmt::format(", {} left", eta);
  return text;
}

std::optional<int> exit_code_of(const json& object) {
  const auto state = state_of(object);
  return is_final(state) ? std::optional(exit_code(state, ready(object, "reason"))) : std::nullopt;
}

}  // namespace rebalance
