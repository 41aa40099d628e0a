#include "migrate/node_link.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <iterator>
#include <set>

#include "base/wait.h"
#include "redis/parse.h"
#include "redis/sizes.h"

namespace rebalance {
namespace {

using namespace std::chrono_literals;

std::string where(const Member& member) {
  return fmt::format("{} ({})", member.pod, member.access.endpoint.text());
}

constexpr std::size_t kLanes = 16;

// How many commands at the head are SETSLOTs, each of a slot of its own: their order does not matter.
std::size_t leading_setslots(std::span<const Command> commands) {
  std::set<std::string> slots;
  std::size_t count = 0;
  for (const auto& command : commands) {
    if (command.size() < 4 || command[1] != "SETSLOT" || !slots.insert(command[2]).second) break;
    ++count;
  }
  return count;
}

bool passes(const Error& problem) {
  return problem.code == ErrorCode::kUnavailable || problem.code == ErrorCode::kTimeout;
}

}  // namespace

Status NodeLink::connect(const std::stop_token& stop) {
  Status last;
  for (int attempt = 0; attempt < std::max(1, attempts_); ++attempt) {
    if (attempt > 0) wait_for(stop, std::min<Millis>(100ms * (1 << attempt), 2s));
    last = try_once();
    if (last || !passes(last.error()) || stop.stop_requested()) return last;
    const bool restarted = !run_id_.empty() && last.error().message.find("restarted") != std::string::npos;
    if (restarted) return last;
  }
  return last;
}

Status NodeLink::try_once() {
  connection_.reset();
  channels_.clear();
  beside_.clear();
  TRY(opened, open_checked());
  connection_ = std::move(opened);
  return {};
}

Result<Connection> NodeLink::open_checked() {
  auto opened = Connection::open(member_.access);
  if (!opened)
    return error(opened.error().code,
                 fmt::format("{} cannot be reached: {}", where(member_), opened.error().message));
  const std::vector<Command> who{{"CLUSTER", "MYID"}, {"INFO", "server"}};
  auto replies = opened->pipeline(who);
  if (!replies)
    return error(replies.error().code,
                 fmt::format("{} does not answer: {}", where(member_), replies.error().message));
  const auto& id = replies->at(0);
  if (id.is_error("LOADING"))
    return error(ErrorCode::kUnavailable, fmt::format("{} still loads its data", where(member_)));
  if (id.is_error())
    return error(ErrorCode::kRefused,
                 fmt::format("{}: CLUSTER MYID answered \"{}\"", where(member_), id.text));
  if (id.text != member_.id) {
    return error(ErrorCode::kConflict,
                 fmt::format("at {} is node {}, not {}", where(member_), id.text, member_.id));
  }
  const Info server(replies->at(1).text);
  const auto run_id = server.text("run_id");
  if (!run_id_.empty() && run_id != run_id_) {
    return error(ErrorCode::kUnavailable,
                 fmt::format("{} restarted while its slots were moving", where(member_)));
  }
  run_id_ = run_id;
  const auto version = parse_version(server);
  tells_expiry_ = version.major >= 7;
  waits_for_replicas_ = version.kind == ServerKind::kValkey && version.major >= 8;
  return std::move(*opened);
}

Result<Connection*> NodeLink::over(Channel channel) {
  if (channel == Channel::kData) {
    if (!connected())
      return error(ErrorCode::kUnavailable, fmt::format("{} is not connected", where(member_)));
    return &*connection_;
  }
  auto known = channels_.find(channel);
  if (known == channels_.end()) {
    TRY(opened, open_checked());
    if (channel == Channel::kMessages) opened.keep_messages();
    known = channels_.emplace(channel, std::move(opened)).first;
  }
  return &known->second;
}

Result<std::map<Slot, Bytes>> NodeLink::biggest_keys(const SlotSet& slots, Bytes threshold) {
  TRY(connection, over(Channel::kData));
  TRY(keys, find_big_keys(*connection, slots, threshold));
  std::map<Slot, Bytes> biggest;
  for (const auto& key : keys) biggest[key.slot] = std::max(biggest[key.slot], key.bytes);
  return biggest;
}

Result<std::vector<Reply>> NodeLink::send(std::span<const Command> commands, Millis timeout) {
  if (!connected()) return error(ErrorCode::kUnavailable, fmt::format("{} is not connected", where(member_)));
  const auto late = waits_for_replicas_ ? leading_setslots(commands) : 0;
  std::vector<Reply> replies;
  if (late > 1) {
    TRY(first, send_side_by_side(commands.first(late), timeout));
    replies = std::move(first);
    commands = commands.subspan(late);
  }
  connection_->set_timeout(timeout);
  auto rest = connection_->pipeline(commands);
  if (!rest) return std::unexpected(lost(rest.error()));
  std::ranges::move(*rest, std::back_inserter(replies));
  return replies;
}

Result<std::vector<Reply>> NodeLink::send_side_by_side(std::span<const Command> commands, Millis timeout) {
  const auto lanes = std::min(kLanes, commands.size());
  while (beside_.size() < lanes) {
    auto opened = open_checked();
    if (!opened) return std::unexpected(lost(opened.error()));
    beside_.push_back(std::move(*opened));
  }
  std::vector<std::future<Result<std::vector<Reply>>>> parts;
  for (std::size_t lane = 0; lane < lanes; ++lane) {
    const auto from = commands.size() * lane / lanes, to = commands.size() * (lane + 1) / lanes;
    parts.push_back(std::async(std::launch::async,
                               [&link = beside_[lane], timeout, part = commands.subspan(from, to - from)] {
                                 link.set_timeout(timeout);
                                 return link.pipeline(part);
                               }));
  }
  std::vector<Reply> replies;
  std::optional<Error> problem;
  for (auto& part : parts) {
    auto answered = part.get();
    if (answered)
      std::ranges::move(*answered, std::back_inserter(replies));
    else
      problem = std::move(answered).error();
  }
  if (!problem) return replies;
  problem->code = ErrorCode::kTimeout;  // those of other lanes may have run
  return std::unexpected(lost(*problem));
}

// A late reply would be taken for the next command's, so all connections go.
Error NodeLink::lost(const Error& problem) {
  connection_.reset();
  channels_.clear();
  beside_.clear();
  return {problem.code, fmt::format("{}: {}", where(member_), problem.message)};
}

}  // namespace rebalance
