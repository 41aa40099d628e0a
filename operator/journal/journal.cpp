#include "journal/journal.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

namespace rebalance {
namespace {

using nlohmann::json;

constexpr const char* kName = "intents.json";
constexpr int kFormat = 1;

json to_json(const MoveIntent& intent) {
  return {{"engine", engine_name(intent.engine)},
          {"source", intent.source},
          {"target", intent.target},
          {"sourceRunId", intent.source_run_id},
          {"targetRunId", intent.target_run_id},
          {"slots", intent.slots.text()},
          {"begun", intent.begun}};
}

// Throws what json throws; the one caller turns it into an Error.
MoveIntent from_json(const json& object) {
  MoveIntent intent;
  const auto name = object.at("engine").get<std::string>();
  const auto engine = engine_of_name(name);
  if (!engine) throw std::invalid_argument("unknown engine \"" + name + "\"");
  intent.engine = *engine;
  object.at("source").get_to(intent.source);
  object.at("target").get_to(intent.target);
  object.at("sourceRunId").get_to(intent.source_run_id);
  object.at("targetRunId").get_to(intent.target_run_id);
  auto slots = SlotSet::parse(object.at("slots").get<std::string>());
  if (!slots) throw std::invalid_argument(slots.error().message);
  intent.slots = std::move(*slots);
  intent.begun = object.value("begun", true);  // one that does not say so is of an earlier version
  return intent;
}

Result<std::vector<MoveIntent>> read_intents(const std::string& text, const std::string& where) {
  try {
    const auto document = json::parse(text);
    if (document.at("format").get<int>() != kFormat) throw std::invalid_argument("it is of another version");
    std::vector<MoveIntent> intents;
    for (const auto& object : document.at("intents")) intents.push_back(from_json(object));
    return intents;
  } catch (const std::exception& problem) {
    return invalid_input(
        fmt::format("the journal {}/{} cannot be read ({}): it says which slots an earlier run left open; "
                    "restore it, or remove it and run a Repair",
                    where, kName, problem.what()));
  }
}

SlotSet without(SlotSet set, const SlotSet& gone) {
  for (const auto& range : gone.ranges()) set.remove(range);
  return set;
}

}  // namespace

Result<std::unique_ptr<Journal>> Journal::open(DocumentStore& documents) {
  std::unique_ptr<Journal> journal(new Journal(documents));
  TRY(text, documents.get(kName));
  if (!text) return journal;
  TRY(intents, read_intents(*text, documents.path()));
  journal->intents_ = std::move(intents);
  return journal;
}

// Closed intents that are still in the document cost a look at the next start, no more.
Journal::~Journal() { std::ignore = flush(); }

Status Journal::open(const MoveIntent& intent) {
  const std::scoped_lock guard(mutex_);
  intents_.push_back(intent);
  auto written = write();
  if (!written) intents_.pop_back();
  return written;
}

Status Journal::begin(const NodeId& source, const NodeId& target, const SlotSet& slots) {
  const std::scoped_lock guard(mutex_);
  const auto before = intents_;
  for (auto& intent : intents_) {
    if (intent.source == source && intent.target == target && intent.slots.overlaps(slots))
      intent.begun = true;
  }
  if (intents_ == before) return {};
  auto written = write();
  if (!written) intents_ = before;
  return written;
}

Status Journal::close(const NodeId& source, const NodeId& target, const SlotSet& slots) {
  const std::scoped_lock guard(mutex_);
  for (auto& intent : intents_) {
    if (intent.source == source && intent.target == target)
      intent.slots = without(std::move(intent.slots), slots);
  }
  std::erase_if(intents_, [](const MoveIntent& intent) { return intent.slots.empty(); });
  dirty_ = true;
  return intents_.empty() ? write() : Status{};
}

std::vector<MoveIntent> Journal::intents() const {
  const std::scoped_lock guard(mutex_);
  return intents_;
}

Status Journal::flush() {
  const std::scoped_lock guard(mutex_);
  return dirty_ ? write() : Status{};
}

Status Journal::write() {
  json document{{"format", kFormat}, {"intents", json::array()}};
  for (const auto& intent : intents_) document["intents"].push_back(to_json(intent));
  TRY_OK(documents_.put(kName, document.dump(1)));
  dirty_ = false;
  return {};
}

}  // namespace rebalance
