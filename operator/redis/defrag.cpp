#include "redis/defrag.h"

#include <fmt/format.h>

#include <array>

#include "redis/parse.h"

namespace rebalance {
namespace {

Error not_permitted(const std::string& words) {
  return {ErrorCode::kRefused,
          fmt::format("CONFIG SET is refused: {}; give the user +config|set (docs/acl.md)", words)};
}

// "... 'activedefrag' - Active defragmentation cannot be enabled: it requires ...": only what comes after it.
std::string reason_in(const std::string& words) {
  const auto at = words.find("Active defragmentation");
  return at == std::string::npos ? words : words.substr(at);
}

}  // namespace

Result<DefragState> read_defrag(Connection& connection) {
  const std::array<Args, 2> questions{Args{"INFO", "server"}, Args{"CONFIG", "GET", "activedefrag"}};
  TRY(replies, connection.pipeline(questions));
  for (const auto& reply : replies) {
    if (reply.is_error())
      return error(ErrorCode::kRefused, fmt::format("{} does not tell activedefrag: {}",
                                                    connection.endpoint().text(), reply.text));
  }
  return DefragState{std::string(Info(replies[0].text).text("run_id")),
                     parse_config(replies[1])["activedefrag"] == "yes"};
}

Status set_defrag(Connection& connection, bool on) {
  TRY(reply, connection.command({"CONFIG", "SET", "activedefrag", on ? "yes" : "no"}));
  if (!reply.is_error()) return {};
  if (reply.is_error("NOPERM")) return std::unexpected(not_permitted(reply.text));
  return error(ErrorCode::kRefused, reason_in(reply.text));
}

Result<std::optional<Error>> defrag_obstacle(Connection& connection) {
  const std::array<Args, 2> questions{Args{"INFO", "memory"}, Args{"CONFIG", "SET", "redis-rebalance", "no"}};
  TRY(replies, connection.pipeline(questions));
  if (replies[1].is_error("NOPERM")) return not_permitted(replies[1].text);
  const Info memory(replies[0].text);
  const std::string allocator(memory.text("mem_allocator"));
  if (allocator.empty() || allocator.starts_with("jemalloc")) return std::optional<Error>();
  return Error{ErrorCode::kRefused, fmt::format("its allocator is {}, active defragmentation wants the "
                                                "jemalloc of the server's own sources",
                                                allocator)};
}

}  // namespace rebalance
