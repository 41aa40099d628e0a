#include "migrate/pair_driver.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "base/wait.h"
#include "migrate/key_list.h"
#include "migrate/slot_commands.h"
#include "redis/parse.h"

namespace rebalance {

using namespace std::chrono_literals;

namespace {

constexpr Millis kEpochsKnownWithin = 5s;

}  // namespace

PairDriver::PairDriver(const Member& source, const Member& target, const std::vector<Member>& others,
                       const RunnerOptions& options, const Hooks& hooks, std::stop_token stop,
                       GroupTurn* group_turn)
    : hooks_(hooks),
      stop_(std::move(stop)),
      source_(source, options.attempts),
      target_(target, options.attempts),
      group_turn_(group_turn) {
  for (const auto& other : others) {
    if (other.role == Role::kPrimary) others_.emplace_back(other, 1);
  }
}

Status PairDriver::connect() {
  TRY_OK(source_.connect(stop_));
  return target_.connect(stop_);
}

// MIGRATE uses TLS exactly when the source says tls-cluster yes, whatever we came by.
Result<MigrateAddress> PairDriver::address() {
  const auto& access = target_.member().access;
  MigrateAddress address{access.endpoint.host, access.endpoint.port, {}, {}};
  if (!access.access) return address;
  TRY(credentials, access.access());
  address.user = credentials.username;
  address.password = credentials.password;
  if (!credentials.tls) return address;
  const std::vector<Command> transport{{"CONFIG", "GET", "tls-cluster"}}, port{{"CONFIG", "GET", "port"}};
  TRY(answers, source_.send(transport, 5s));
  if (answers.front().items.size() != 2 || answers.front().items[1].text != "no") return address;
  TRY(ports, target_.send(port, 5s));
  if (ports.front().items.size() != 2) return address;
  const auto& said = ports.front().items[1].text;
  const auto plain = whole_number<std::uint16_t>(said);
  if (!plain) {
    return error(ErrorCode::kRefused, fmt::format("{} answers CONFIG GET port with \"{}\", which is no port",
                                                  target_.member().pod, said));
  }
  if (*plain == 0) {  // there is none, as CONFIG has it
    return error(
        ErrorCode::kRefused,
        fmt::format("{} says tls-cluster no, and {} listens on no port without TLS: nothing can move "
                    "between them",
                    source_.member().pod, target_.member().pod));
  }
  address.port = *plain;
  return address;
}

Result<std::map<Slot, Bytes>> PairDriver::big_keys_of_long_slots(const SlotSet& slots, Bytes threshold) {
  std::vector<Command> counts;
  for_each_slot(slots, [&](Slot slot) { counts.push_back(count_keys(slot)); });
  TRY(replies, source_.send(counts, 5s));
  SlotSet large;
  auto reply = replies.begin();
  for_each_slot(slots, [&](Slot slot) {
    if ((reply++)->integer > KeyList::kLongestList) large.add(slot);
  });
  if (large.empty()) return std::map<Slot, Bytes>{};
  return source_.biggest_keys(large, threshold);
}

// The servers are their clients' alone for the time that Hooks::speed leaves. Not while keys are watched or
// slots change hands: what clients change then is another try.
Millis PairDriver::rest_after(const Ask& ask, const Event& event) const {
  constexpr Millis kLongest{1000};
  const int percent = this->percent();
  const auto watches = [](const auto& part) { return part.channel == Channel::kWatch; };
  const auto* answer = std::get_if<Answer>(&event);
  if (answer == nullptr || ask.ownership || watches(ask) || std::ranges::any_of(ask.beside, watches))
    return Millis(0);
  return std::min(kLongest, std::chrono::ceil<Millis>(answer->elapsed * (100 - percent) / percent));
}

// Asks, answers, asks again, until the engine has no more to ask.
Status PairDriver::drive(GroupEngine& engine, const std::function<void(const Progress&)>& progressed) {
  bool told_to_stop = false;
  refused_.reset();
  source_.close_channels();
  target_.close_channels();
  Result<std::optional<Ask>> next = engine.start();
  while (next && *next) {
    wait_for_group_turn(**next, told_to_stop ? std::stop_token() : stop_);
    if (stop_.stop_requested() && !std::exchange(told_to_stop, true)) {
      next = engine.step(StopAsked{});
      continue;
    }
    auto event = perform(**next);
    if (event) {
      const auto rest = rest_after(**next, *event);
      next = engine.step(*event);
      progressed(engine.progress());
      wait_for(stop_, rest);
      continue;
    }
    // Not sent, since the gate forbids more: what an engine can take back goes. Any other end says nothing of
    // what was sent, and ends it here.
    if (!refused_ || (**next).clears || !hooks_.gate.may_clear()) return std::unexpected(event.error());
    next = engine.step(StopAsked{});
    if (std::exchange(told_to_stop, true) || !next || !*next || !(*next)->clears) break;
  }
  if (refused_) return std::unexpected(*refused_);
  return next ? Status{} : std::unexpected(next.error());
}

// From the turn on the group has it to its end. Below full speed none copies beside the one that has it:
// what they rest for would be the other's to use.
void PairDriver::wait_for_group_turn(const Ask& ask, const std::stop_token& stop) {
  const bool needed = ask.hands_over || ask.ownership || !ask.begins.empty() || percent() < 100;
  if (group_turn_ != nullptr && !handing_over_ && needed) handing_over_ = group_turn_->take(stop);
}

Result<Event> PairDriver::perform(const Ask& ask) {
  wait_for(stop_, ask.wait);
  if (!ask.ownership) turn_.reset();
  if (ask.ownership && !turn_) {
    if (const auto turn = take_turn(); !turn) return OutcomeUnknown{turn.error().message};
  }
  if (ask.writes) {
    if (const auto may = ask.clears ? hooks_.gate.may_clear() : hooks_.gate.may_write(); !may) {
      refused_ = may.error();
      return std::unexpected(*refused_);
    }
    if (!first_write_) first_write_ = BootClock::now();
  }
  if (!ask.begins.empty()) {
    const auto begun =
        recorded([&] { return hooks_.intents.begin(source_.member().id, target_.member().id, ask.begins); });
    if (!begun) {
      refused_ = begun.error();
      return std::unexpected(*refused_);
    }
  }
  if (ask.side == Side::kOthers) {
    tell_others(ask);
    return Answer{};
  }
  auto answer = send(ask);
  if (answer) return std::move(*answer);
  log_warning(fmt::format("connecting again: {}", answer.error().message));
  for (auto* link : {&source_, &target_}) {
    link->close_channels();
    if (!link->connected()) TRY_OK(link->connect(stop_));
  }
  return OutcomeUnknown{answer.error().message};
}

// The parts beside go at the same time, so that both servers work.
Result<Answer> PairDriver::send(const Ask& ask) {
  const Instant sent = BootClock::now();
  Answer answer;
  if (ask.channel == Channel::kData && ask.beside.empty()) {
    TRY(replies, link(ask.side).send(ask.commands, ask.timeout));
    answer.replies = std::move(replies);
  } else {
    TRY(all, send_together(ask));
    answer = std::move(all);
  }
  answer.elapsed = std::chrono::duration_cast<std::chrono::microseconds>(BootClock::now() - sent);
  return answer;
}

Result<Answer> PairDriver::send_together(const Ask& ask) {
  std::vector<Connection::Talk> talks;
  TRY(first, link(ask.side).over(ask.channel));
  talks.push_back({first, ask.commands});
  for (const auto& part : ask.beside) {
    TRY(connection, link(part.side).over(part.channel));
    talks.push_back({connection, part.commands});
  }
  for (const auto& talk : talks) talk.connection->set_timeout(ask.timeout);
  auto results = Connection::pipelines(talks);
  for (auto& result : results) {
    if (!result) return std::unexpected(std::move(result).error());
  }
  Answer answer;
  answer.replies = std::move(*results.front());
  for (std::size_t part = 1; part < results.size(); ++part)
    answer.beside.push_back(std::move(*results[part]));
  for (const auto& talk : talks)
    std::ranges::move(talk.connection->take_messages(), std::back_inserter(answer.messages));
  return answer;
}

Status PairDriver::recorded(const std::function<Status()>& write) const {
  while (true) {
    auto written = write();
    const bool passes = !written && (written.error().code == ErrorCode::kUnavailable ||
                                     written.error().code == ErrorCode::kTimeout);
    if (!passes || stop_.stop_requested()) return written;
    TRY_OK(hooks_.gate.may_write());
    wait_for(stop_, 500ms);
  }
}

// Only shortens redirects: gossip would tell them. One that cannot be reached is left to gossip for the rest
// of the batch.
void PairDriver::tell_others(const Ask& ask) {
  std::erase_if(others_, [&](NodeLink& link) {
    if (!link.connected() && !link.connect(stop_)) return true;
    return !link.send(ask.commands, 2s);
  });
}

// Waits for the turn, and then until the target would keep what it takes: epochs.h. Gossip tells it within
// milliseconds from 7.0 on, before within a second or two.
Status PairDriver::take_turn() {
  turn_.emplace(hooks_.ownership, target_.member().id);
  const bool known = epochs_seen_ && !hooks_.ownership.takers().contains(source_.member().id);
  const Instant end = BootClock::now() + kEpochsKnownWithin;
  while (!known && !target_would_win()) {
    if (BootClock::now() > end) {
      turn_.reset();
      return error(ErrorCode::kTimeout,
                   fmt::format("{} has not heard of the config epoch of {} yet, and could lose to it what it "
                               "takes",
                               target_.member().pod, source_.member().pod));
    }
    wait_for({}, 5ms);
  }
  epochs_seen_ = true;
  return {};
}

bool PairDriver::target_would_win() {
  std::vector<std::int64_t> others;
  for (auto& link : others_) {
    if (!link.connected() && !link.connect(stop_)) continue;
    if (const auto other = epochs(link)) others.push_back(other->own);
  }
  const auto source = epochs(source_), target = epochs(target_);
  return source && target && wins(*target, *source, others);
}

std::optional<Epochs> PairDriver::epochs(NodeLink& link) {
  const std::vector<Command> question{{"CLUSTER", "NODES"}};
  const auto replies = link.send(question, 2s);
  if (!replies || replies->front().is_error()) return std::nullopt;
  const auto view = parse_cluster_nodes(replies->front().text);
  return view ? std::optional(epochs_of(*view)) : std::nullopt;
}

}  // namespace rebalance
