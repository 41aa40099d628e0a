#include "migrate/unstage.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "base/text.h"
#include "migrate/classify.h"
#include "migrate/dump_value.h"
#include "migrate/slot_commands.h"
#include "redis/key_slot.h"
#include "redis/parse.h"

namespace rebalance {
namespace {

using namespace std::chrono_literals;
using Step = Result<std::optional<Ask>>;

constexpr std::int64_t kKeysAtOnce = 5000;  // of a slot
constexpr int kSlotsAtOnce = 16;

// CLIENT KILL of every connection that carries the same name as the one with this id.
std::vector<Command> ends_of_namesakes(std::string_view client_list, const std::string& own) {
  std::map<std::string, std::string> names;
  while (!client_list.empty()) {
    const auto line = cut(client_list, '\n');
    names[std::string(client_field(line, "id"))] = client_field(line, "name");
  }
  std::vector<Command> commands;
  for (const auto& [id, name] : names) {
    if (id != own && !name.empty() && name == names[own]) commands.push_back({"CLIENT", "KILL", "ID", id});
  }
  return commands;
}

class Unstage final : public GroupEngine {
 public:
  explicit Unstage(UnstageJob job) : job_(std::move(job)), todo_(job_.slots) {}

  Ask start() override { return *clients(0ms); }
  Step step(const Event& event) override;
  Progress progress() const override { return {done_.size(), 0, 0, tries_}; }
  SlotSet done() const override { return done_; }
  SlotSet left_open() const override {
    auto open = todo_;
    open.add(stuck_);
    return open;
  }
  std::vector<SkippedSlot> skipped() const override { return {}; }

 private:
  enum class Stage { kClients, kFence, kLook, kList, kCompare, kDelete, kClose };
  std::optional<Ask> clients(Millis wait);
  Step answered(const Answer& answer);
  Step fence(const Answer& answer);
  Step look();
  Step looked(const Answer& answer);
  Step list();
  Step listed(const std::vector<Reply>& replies);
  Step compared(const Answer& answer);
  Step remove();
  Step close();
  Step end();
  Step ask(Stage stage, Ask ask);
  Step retry(const std::string& why);

  UnstageJob job_;
  SlotSet todo_, now_, done_;
  SlotSet unheard_;  // the source's, of which the target knows no owner
  SlotSet stuck_;    // with keys that are only on the target
  std::int64_t only_there_ = 0;
  std::vector<std::string> found_, both_, alone_;  // keys: listed, to be deleted, to stay; reach no log
  Stage stage_ = Stage::kClients;
  int tries_ = 0;
};

Step Unstage::step(const Event& event) {
  if (std::holds_alternative<StopAsked>(event)) return std::nullopt;
  if (const auto* unknown = std::get_if<OutcomeUnknown>(&event)) return retry(unknown->why);
  const auto& answer = std::get<Answer>(event);
  if (const auto* wrong = first_error(answer.replies)) return retry(wrong->text);
  for (const auto& part : answer.beside) {
    if (const auto* wrong = first_error(part)) return retry(wrong->text);
  }
  return answered(answer);
}

Step Unstage::answered(const Answer& answer) {
  switch (stage_) {
    case Stage::kClients: return fence(answer);
    case Stage::kFence: return look();
    case Stage::kLook: return looked(answer);
    case Stage::kList: return listed(answer.replies);
    case Stage::kCompare: return compared(answer);
    case Stage::kDelete: return close();
    case Stage::kClose: break;
  }
  done_.add(now_);
  todo_.remove(now_);
  return list();
}

Step Unstage::ask(Stage stage, Ask ask) {
  stage_ = stage;
  return ask;
}

std::optional<Ask> Unstage::clients(Millis wait) {
  stage_ = Stage::kClients;
  const std::vector<Command> question{{"CLIENT", "ID"}, {"CLIENT", "LIST"}};
  Ask ask{Side::kSource, question};
  ask.beside.push_back({Side::kTarget, Channel::kData, question});
  ask.wait = wait;
  return ask;
}

Step Unstage::fence(const Answer& answer) {
  const auto ends = [](const std::vector<Reply>& told) {
    return ends_of_namesakes(told[1].text, std::to_string(told[0].integer));
  };
  Ask next{Side::kSource, ends(answer.replies)};
  next.beside.push_back({Side::kTarget, Channel::kData, ends(answer.beside[0])});
  return ask(Stage::kFence, std::move(next));
}

Step Unstage::look() {
  Ask next{Side::kSource, {cluster_nodes()}};
  next.beside.push_back({Side::kTarget, Channel::kData, {cluster_nodes()}});
  return ask(Stage::kLook, std::move(next));
}

Step Unstage::looked(const Answer& answer) {
  TRY(source, own_view(answer.replies[0]));
  TRY(nodes, nodes_view(answer.beside[0][0]));
  TRY(target, own_view(nodes));
  unheard_ = source.slots;
  for (const auto& node : nodes.nodes) unheard_.remove(node.slots);
  std::optional<Slot> foreign;
  for_each_slot(SlotSet(todo_), [&](Slot slot) {
    const auto mark = source.migrating.find(slot);
    if (mark != source.migrating.end() && mark->second == job_.target.id) todo_.remove(slot);
    if (target.slots.contains(slot)) todo_.remove(slot);
    if (todo_.contains(slot) && !source.slots.contains(slot)) foreign = slot;
  });
  if (!foreign) return list();
  return error(ErrorCode::kConflict, fmt::format("slot {} belongs neither to {} nor to {}", *foreign,
                                                 job_.source.name, job_.target.name));
}

// The mark first: without it the target serves none of these keys. Nor any key while it knows no owner of
// some slot, as after the owner that it imported from has failed over: marked slots learn nothing from
// gossip.
Step Unstage::list() {
  if (todo_.empty()) return end();
  now_ = first_slots(todo_, kSlotsAtOnce);
  Ask next{Side::kTarget, setslot_each(std::exchange(unheard_, {}), "NODE", job_.source.id)};
  std::ranges::move(setslot_each(now_, "IMPORTING", job_.source.id), std::back_inserter(next.commands));
  for_each_slot(now_, [&](Slot slot) { next.commands.push_back(list_keys(slot, kKeysAtOnce)); });
  next.writes = next.clears = true;
  return ask(Stage::kList, std::move(next));
}

Step Unstage::listed(const std::vector<Reply>& replies) {
  found_.clear();
  both_.clear();
  alone_.clear();
  for (const auto& reply : replies) {  // of the marks, which hold no items, and of the lists
    for (const auto& key : reply.items) found_.push_back(key.text);
  }
  if (found_.empty()) return close();
  if (job_.copies == Copies::kAll) {
    both_ = std::move(found_);
    return remove();
  }
  const char* question = job_.copies == Copies::kEqual ? "DUMP" : "EXISTS";
  Ask next{Side::kSource, {}};
  Part there{Side::kTarget, Channel::kData, {}};
  for (const auto& key : found_) {
    next.commands.push_back({question, key});
    there.commands.push_back({"ASKING"});
    there.commands.push_back({question, key});
  }
  next.beside.push_back(std::move(there));
  return ask(Stage::kCompare, std::move(next));
}

// One that is gone from the target meanwhile expired.
Step Unstage::compared(const Answer& answer) {
  const auto is_there = [](const Reply& reply) { return reply.is_text() || reply.integer == 1; };
  for (std::size_t i = 0; i < found_.size(); ++i) {
    const auto &ours = answer.replies[i], &copy = answer.beside[0][2 * i + 1];
    if (!is_there(copy)) continue;
    const bool known = is_there(ours) && (job_.copies != Copies::kEqual || same_value(ours.text, copy.text));
    (known ? both_ : alone_).push_back(std::move(found_[i]));
  }
  return remove();
}

Step Unstage::remove() {
  if (both_.empty()) return close();
  Ask next{Side::kTarget, {}};
  for (const auto& key : both_) {
    next.commands.push_back({"ASKING"});
    next.commands.push_back({"UNLINK", key});
  }
  next.writes = next.clears = true;
  return ask(Stage::kDelete, std::move(next));
}

Step Unstage::close() {
  for (const auto& key : alone_) stuck_.add(key_slot(key));
  only_there_ += std::ssize(alone_);
  now_.remove(stuck_);
  todo_.remove(stuck_);
  if (now_.empty()) return list();
  Ask next{Side::kTarget, setslot_stable_each(now_)};
  next.writes = next.clears = true;
  return ask(Stage::kClose, std::move(next));
}

Step Unstage::end() {
  if (stuck_.empty()) return std::nullopt;
  return error(
      ErrorCode::kConflict,
      fmt::format("{} key(s) of slots {} are on {} and not{} on {}, which owns them: copies of an "
                  "interrupted move whose originals changed since, or the last of their kind, so nothing "
                  "deletes them: look at them (ASKING, then DUMP, on the former), delete them there or "
                  "restore them on the owner, and run again",
                  only_there_, stuck_.text(), job_.target.name,
                  job_.copies == Copies::kEqual ? ", or not with this value," : "", job_.source.name));
}

Step Unstage::retry(const std::string& why) {
  const auto meaning = classify(why);
  const bool server_says_no = meaning == Failure::kFatal && stage_ != Stage::kClients && tries_ > 0;
  if (!server_says_no && meaning != Failure::kCredentials && ++tries_ <= job_.attempts)
    return clients(back_off(tries_));
  return error(ErrorCode::kConflict, fmt::format("removing copies of slots {} from {}: {}", job_.slots.text(),
                                                 job_.target.name, why));
}

}  // namespace

std::unique_ptr<GroupEngine> make_unstage(UnstageJob job) {
  return std::make_unique<Unstage>(std::move(job));
}

}  // namespace rebalance
