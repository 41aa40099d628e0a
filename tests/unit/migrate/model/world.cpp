#include "world.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "migrate/live_copy.h"

namespace rebalance::model {
namespace {

constexpr int kAttempts = 4;

// Nothing that anybody else does can come before rather than after these.
bool is_private(const Command& command) {
  const auto& name = command[0];
  return name == "ASKING" || name == "MULTI" || name == "EVAL" || name == "UNWATCH" || name == "TIME" ||
         name == "INFO" || name == "ROLE" || (name == "CLIENT" && command[1] != "KILL");
}

bool only_reads(const Command& command) {
  const auto& name = command[0];
  return name == "PING" || name == "WATCH" || name == "MEMORY" || name == "TYPE" || name == "SUBSCRIBE" ||
         is_private(command) || (name == "CLUSTER" && command[1] != "SETSLOT");
}

std::string text_of(const Command& command) { return fmt::format("{}", fmt::join(command, " ")); }

void mix(std::size_t& history, const Reply& reply) {
  history = history * 1'000'003 ^ std::hash<std::string>()(reply.text) ^
            static_cast<std::size_t>(reply.integer * 31 + static_cast<int>(reply.type));
  for (const auto& item : reply.items) mix(history, item);
  history = history * 31 + 7;
}

void mix(std::size_t& history, const Event& event) {
  history = history * 31 + event.index() + 1;
  const auto* answer = std::get_if<Answer>(&event);
  if (answer == nullptr) return;
  mix(history, Reply::array(answer->replies));
  for (const auto& replies : answer->beside) mix(history, Reply::array(replies));
  mix(history, Reply::array(answer->messages));
}

}  // namespace

// Nor before what is only queued.
bool is_private(const Connection& connection) {
  const auto& next = connection.inbox.front();
  return is_private(next) || (connection.queue && next[0] != "EXEC");
}

World::World(const Scenario& scenario, Removed removed, Choose choose)
    : scenario_(scenario), removed_(removed), choose_(std::move(choose)) {
  servers_.removed = removed;
  names_ = {"{a}:0", "{a}:1", "{a}:2", "{a}:3", "{a}:4"};
  truth_ = {{names_[1], {"one", 0}}, {names_[2], {"two", 1000}}, {names_[3], {"stream", 0}}};
  if (scenario.large) truth_[names_[0]] = {"large one two", 0};
  if (scenario.two_slots) truth_[names_.emplace_back("{b}:5")] = {"five", 0};
  for (const auto& name : names_) slots_.add(key_slot(name));
  for (auto& [id, server] : servers_.nodes()) {
    server.replicated = scenario.replicas;
    for_each_slot(slots_, [&](Slot slot) { server.owner[slot] = "A"; });
  }
  servers_.at("A").keys = servers_.at("A").replica = truth_;
}

void World::run() {
  intent_ = MoveIntent{Engine::kLiveCopy, "A", "B", "A", "B", slots_};
  if (!crashes([&] { move(); })) return point();
  while (crashes([&] { recover(); })) {
  }
  point();
  check_recovered();
}

bool World::crashes(const std::function<void()>& driver) {
  running_ = true;
  bool crashed = false;
  try {
    driver();
  } catch (const Crashed&) {
    crashed = true;
  }
  running_ = false;
  asked_.clear();
  return crashed;
}

std::string World::state() const {
  std::string out =
      fmt::format("{}/{} {} {} {}/", servers_.text(), history_, writes_, faults_, fmt::join(asked_, ","));
  for (const bool flag : {stop_, lost_, ever_lost_, target_asked_, recovering_, failed_over_, unfenced_,
                          acknowledged_, intent_ && intent_->begun})
    out += flag ? '1' : '0';
  for (const auto* keys : {&truth_, &alone_, &kept_}) {
    for (const auto& [key, value] : *keys) out += fmt::format("{}{}@{} ", key, value.text, value.expires_at);
    out += '/';
  }
  for (const auto& name : undecided_) out += name;
  for (const auto& [node, keys] : written_) out += fmt::format("{}{}", node, fmt::join(keys, ","));
  for (const auto& [key, command] : restored_) out += command[3];
  for (const auto& [question, reply] : stale_) {
    out += fmt::format("{}{} ", reply.integer, reply.text);
    for (const auto& item : reply.items) out += item.text;
  }
  return out;
}

// ---- the driver ----

void World::move() {
  LiveJob job{{"A", "redis-0", "A", true}, {"B", "redis-1", "B", true}, slots_};
  job.source_replicas = job.target_replicas = scenario_.replicas ? 1 : 0;
  job.attempts = kAttempts;
  const auto engine = make_live_copy(job, pace_);
  const auto done = drive(*engine, "A", "B");
  const bool whole = removed_ == Removed::kNothing;
  if (!done && !whole && faults_ > 0) throw Crashed();  // what stops at a fault is repaired
  if (!done && !engine->left_open().empty()) throw Broken{"no slot is left half-moved", done.error().message};
  if (whole && (!done || !engine->skipped().empty()))
    throw Broken{"a move comes to its end", done ? engine->skipped().front().reason : done.error().message};
  if (!done) return;
  intent_.reset();
  auto stay = slots_;
  stay.remove(*done);
  if (whole && !stop_ && !stay.empty())
    throw Broken{"a move comes to its end", "slots " + stay.text() + " stay"};
  check_untouched(stay);
  check_closed();
}

Result<SlotSet> World::drive(GroupEngine& engine, const NodeId& source, const NodeId& target) {
  source_ = source;
  target_ = target;
  close_links(true);
  told_to_stop_ = false;
  Result<std::optional<Ask>> next = engine.start();
  for (int trips = 0; next && *next; ++trips) {
    if (trips > 300) throw Broken{"a move ends", "it asks for ever"};
    const bool stop = stop_ && !recovering_ && !std::exchange(told_to_stop_, true);
    const auto event = stop ? Event(StopAsked{}) : perform(**next);
    mix(history_, event);
    next = engine.step(event);
  }
  if (!next) return std::unexpected(next.error());
  return engine.done();
}

Event World::perform(const Ask& ask) {
  asked_.clear();
  if (!ask.begins.empty() && removed_ != Removed::kBeginning) intent_->begun = true;
  point();
  if (ask.side == Side::kOthers) return Answer{};
  lost_ = false;
  send({ask.side, ask.channel, ask.commands});
  for (const auto& part : ask.beside) send(part);
  const auto waiting = [&] {
    return std::ranges::find_if(asked_, [&](int id) {
      const auto& connection = servers_.connections().at(id);
      return connection.alive && connection.ours && !connection.inbox.empty();
    });
  };
  for (auto next = waiting(); next != asked_.end(); next = waiting()) {
    if (!is_private(servers_.connections().at(*next))) point();
    if (next = waiting(); next != asked_.end()) run_next(*next);
  }
  point();
  if (lost_) {
    ever_lost_ = true;
    close_links(false);
    if (!servers_.live(source_) || !servers_.live(target_)) throw Crashed();
    return OutcomeUnknown{"the connection ended"};
  }
  return answer();
}

// The driver's next command.
std::string World::position() const {
  if (asked_.empty()) return "between round trips";
  for (const int id : asked_) {
    const auto& connection = servers_.connections().at(id);
    if (!connection.alive || !connection.ours || connection.inbox.empty()) continue;
    const auto& command = connection.inbox.front();
    if (command[0] != "CLUSTER") return "before " + command[0];
    return "before " + command[command.size() > 3 && command[1] == "SETSLOT" ? 3 : 1];
  }
  return "before the answer";
}

void World::send(const Part& part) {
  const int id = link(part.side, part.channel);
  auto& connection = servers_.connections().at(id);
  asked_.push_back(id);
  connection.replies.clear();
  connection.told.clear();
  if (!connection.alive) {
    lost_ = true;
    return;
  }
  connection.inbox.assign(part.commands.begin(), part.commands.end());
  for (const auto& command : part.commands) {
    if (command[0] == "WATCH") target_asked_ = false;
    const bool list = command[1 % command.size()] == "GETKEYSINSLOT";
    if (list && (removed_ == Removed::kListUnderWatch || removed_ == Removed::kListAndLastRead))
      stale_[text_of(command)] = answer_now(connection.node, command);
  }
  const bool counts =
      !part.commands.empty() && part.commands[0].size() > 2 && part.commands[0][1] == "COUNTKEYSINSLOT";
  if (part.side == Side::kTarget && counts) target_asked_ = true;
}

Answer World::answer() {
  Answer answer;
  answer.elapsed = std::chrono::microseconds(500);
  for (const int id : asked_) {
    const auto& connection = servers_.connections().at(id);
    (id == asked_.front() ? answer.replies : answer.beside.emplace_back()) = connection.replies;
    std::ranges::copy(connection.told, std::back_inserter(answer.messages));
  }
  return answer;
}

void World::run_next(int id) {
  auto& connection = servers_.connections().at(id);
  const Command command = connection.inbox.front();
  if (auto reply = instead_of(connection, command)) {
    connection.inbox.pop_front();
    connection.replies.push_back(*std::move(reply));
  } else {
    servers_.run(connection);
    if (removed_ == Removed::kOrder && command[0] == "RESTORE-ASKING") restore_twice(connection, command);
  }
  if (command[0] == "WAIT" && connection.node == "A" && connection.replies.back().integer > 0)
    acknowledged_ = true;
  if (command[0] == "WAIT") servers_.replicas_answer = true;
  if (!connection.ours && connection.inbox.empty()) connection.alive = false;
  if (!only_reads(command)) check_served();
}

int World::link(Side side, Channel channel) {
  const auto known = links_.find({side, channel});
  if (known != links_.end()) {
    const bool alive = servers_.connections().at(known->second).alive;
    if (alive || removed_ != Removed::kLossIsTold) return known->second;
  }
  const int id = servers_.open(node(side)).id;
  links_[{side, channel}] = id;
  if (!servers_.live(node(side))) servers_.connections().at(id).alive = false;
  return id;
}

// Those besides kData, and what is broken, or all.
void World::close_links(bool all) {
  std::erase_if(links_, [&](const auto& each) {
    auto& connection = servers_.connections().at(each.second);
    if (!all && each.first.second == Channel::kData && connection.alive && connection.ours) return false;
    connection.ours = false;
    if (connection.inbox.empty()) connection.alive = false;
    return true;
  });
}

// ---- what is removed ----

std::optional<Reply> World::instead_of(const Connection& connection, const Command& command) {
  const auto& name = command[0];
  const auto& what = command[1 % command.size()];
  const auto ok = Reply::status("OK");
  const bool on_source = connection.node == source_, kills = name == "CLIENT" && what == "KILL";
  switch (removed_) {
    case Removed::kWatch: return name == "WATCH" ? std::optional(ok) : std::nullopt;
    case Removed::kTracking: return what == "TRACKING" ? std::optional(ok) : std::nullopt;
    case Removed::kDrain: return name == "PING" && connection.subscribed ? std::optional(ok) : std::nullopt;
    case Removed::kExpiredGo: {
      const auto watch = links_.find({Side::kSource, Channel::kWatch});
      const bool there = watch != links_.end() && watch->second == connection.id;
      return name == "EXISTS" && there ? std::optional(Reply::number(0)) : std::nullopt;
    }
    case Removed::kListUnderWatch:
    case Removed::kListAndLastRead:
    case Removed::kFreshLook: return stale(connection, command);
    case Removed::kAnew:
      return name == "UNLINK" && !on_source && what == names_[0] ? std::optional(Reply::number(1))
                                                                 : std::nullopt;
    case Removed::kElements:
      return name == "SCARD" && !on_source ? std::optional(Reply::number(2)) : std::nullopt;
    case Removed::kTargetCounts:
      if (what != "COUNTKEYSINSLOT" || on_source || servers_.at(target_).importing.empty()) return {};
      return Reply::number(servers_.count(servers_.at(source_), static_cast<Slot>(std::stoi(command[2]))));
    case Removed::kTargetReplicas:
      return name == "WAIT" && !on_source ? std::optional(Reply::number(1)) : std::nullopt;
    case Removed::kSourceReplicas:
      return name == "WAIT" && on_source ? std::optional(Reply::number(1)) : std::nullopt;
    case Removed::kFenceOnSource: return kills && on_source ? std::optional(Reply::number(1)) : std::nullopt;
    case Removed::kFenceOnTarget: return kills && !on_source ? std::optional(Reply::number(1)) : std::nullopt;
    case Removed::kFenceOfTakeover:
      return kills && recovering_ ? std::optional(Reply::number(1)) : std::nullopt;
    case Removed::kOwnTarget: {
      const bool owns = what == "SETSLOT" && command[3] == "NODE" && !on_source;
      return owns ? std::optional(ok) : std::nullopt;
    }
    case Removed::kAloneIsKept:
      return recovering_ && name == "EXISTS" && on_source ? std::optional(Reply::number(1)) : std::nullopt;
    default: return std::nullopt;
  }
}

// The list from before the WATCH (and what was read of a key that is gone); the source as it was before an
// answer was lost.
std::optional<Reply> World::stale(const Connection& connection, const Command& command) {
  const auto &name = command[0], &what = command[1 % command.size()];
  const auto question = text_of(command);
  if (connection.node != source_) return std::nullopt;
  if (removed_ == Removed::kFreshLook) {
    if (what != "NODES" && what != "COUNTKEYSINSLOT") return std::nullopt;
    if (ever_lost_ && stale_.contains(question)) return stale_.at(question);
    stale_[question] = answer_now(connection.node, command);
    return std::nullopt;
  }
  const auto watch = links_.find({Side::kSource, Channel::kWatch});
  if (what == "GETKEYSINSLOT" && watch != links_.end() && watch->second == connection.id)
    return stale_.at(question);
  if (removed_ != Removed::kListAndLastRead || (name != "DUMP" && name != "PEXPIRETIME")) return std::nullopt;
  const bool there = servers_.find(servers_.at(source_), what) != nullptr;
  if (!there && stale_.contains(question)) return stale_.at(question);
  stale_[question] = answer_now(connection.node, command);
  return std::nullopt;
}

// Nobody notices the question.
Reply World::answer_now(const NodeId& node, const Command& command) {
  auto& connection = servers_.open(node);
  connection.inbox = {command};
  servers_.run(connection);
  const auto reply = connection.replies[0];
  servers_.connections().erase(connection.id);
  return reply;
}

void World::restore_twice(Connection& connection, const Command& command) {
  const auto older = restored_.find(command[1]);
  if (older != restored_.end()) {
    connection.inbox.push_front(older->second);
    servers_.run(connection);
    connection.replies.pop_back();
  }
  restored_[command[1]] = command;
}

}  // namespace rebalance::model
