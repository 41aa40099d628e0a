#include "migrate/node_link.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/wait.h"
#include "redis/parse.h"
#include "redis/sizes.h"

namespace rebalance {
namespace {

using namespace std::chrono_literals;

std::string where(const Member& member) {
  return fmt::format("{} ({})", member.pod, member.access.endpoint.text());
}

bool passes(const Error& problem) {
  return problem.code == ErrorCode::kUnavailable || problem.code == ErrorCode::kTimeout;
}

}  // namespace

Status NodeLink::connect(std::stop_token stop) {
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
  tells_expiry_ = parse_version(server).major >= 7;
  connection_ = std::move(*opened);
  return {};
}

Result<std::map<Slot, Bytes>> NodeLink::biggest_keys(const SlotSet& slots, Bytes threshold) {
  if (!connected()) return error(ErrorCode::kUnavailable, fmt::format("{} is not connected", where(member_)));
  TRY(keys, find_big_keys(*connection_, slots, threshold));
  std::map<Slot, Bytes> biggest;
  for (const auto& key : keys) biggest[key.slot] = std::max(biggest[key.slot], key.bytes);
  return biggest;
}

Result<std::vector<Reply>> NodeLink::send(std::span<const Command> commands, Millis timeout) {
  if (!connected()) return error(ErrorCode::kUnavailable, fmt::format("{} is not connected", where(member_)));
  connection_->set_timeout(timeout);
  auto replies = connection_->pipeline(commands);
  if (replies) return replies;
  auto problem = std::move(replies).error();
  connection_.reset();  // a late reply would be taken for the next command's
  return error(problem.code, fmt::format("{}: {}", where(member_), problem.message));
}

}  // namespace rebalance
