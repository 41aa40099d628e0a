// The subcommands, each from options to an exit code. They print; nothing is thrown on purpose.
#pragma once

#include "base/result.h"
#include "cli/options.h"

namespace rebalance {

int plan_command(const Options& options);
int explain_command(const Options& options);
int run_command(const Options& options);
int check_command(const Options& options);
int operator_command(const Options& options);
int get_command(const Options& options);
int watch_command(const Options& options);
int steer_command(const Options& options);  // approve, pause, resume, cancel, rollback

// Says it on standard error. Invalid input is 2, a broken promise of our own code 1, all else (not reachable,
// not permitted, not safe) 3.
int fail(const Error& problem);

}  // namespace rebalance
