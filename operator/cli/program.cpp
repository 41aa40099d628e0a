#include "cli/program.h"

#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <exception>

#include "base/log.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "control/run.h"

namespace rebalance {
namespace {

int execute(const Options& options) {
  switch (options.command) {
    case Command::kPlan: return plan_command(options);
    case Command::kExplain: return explain_command(options);
    case Command::kRun: return run_command(options);
    case Command::kCheck: return check_command(options);
    case Command::kOperator: return operator_command(options);
    case Command::kGet: return get_command(options);
    case Command::kWatch: return watch_command(options);
    case Command::kApprove:
    case Command::kPause:
    case Command::kResume:
    case Command::kCancel:
    case Command::kRollBack: return steer_command(options);
    case Command::kVersion: fmt::print("redis-rebalance {}\n", PROGRAM_VERSION); return kDone;
    case Command::kCompletion: fmt::print("{}", completion_script(options.shell)); return kDone;
  }
  return kBug;
}

int parse_and_execute(int argc, const char* const* argv) {
  const auto parsed = parse_options(argc, argv);
  if (!parsed.options) {
    fmt::print(parsed.exit_code == kDone ? stdout : stderr, "{}", parsed.text);
    return parsed.exit_code;
  }
  set_log_level(parsed.options->verbose ? LogLevel::kDebug : LogLevel::kWarning);
  return execute(*parsed.options);
}

}  // namespace

int fail(const Error& problem) {
  fmt::print(stderr, "redis-rebalance: {}\n", problem.message);
  if (problem.code == ErrorCode::kInvalidInput) return kUsage;
  return problem.code == ErrorCode::kInternal ? kBug : kRefusedCode;
}

int run_program(int argc, const char* const* argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe or connection is an error code, not an end
  try {
    return parse_and_execute(argc, argv);
  } catch (const std::exception& problem) {
    fmt::print(stderr, "redis-rebalance: this is a bug, please report it: {}\n", problem.what());
  } catch (...) {
    fmt::print(stderr, "redis-rebalance: this is a bug, please report it: an unknown exception\n");
  }
  return kBug;
}

}  // namespace rebalance
