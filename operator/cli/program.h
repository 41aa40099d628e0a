// The program: from what was typed to an exit code (control/run.h, docs/cli.md).
#pragma once

namespace rebalance {

// Standard output carries the answer, standard error all else. Throws nothing: what escapes is reported and
// is 1.
int run_program(int argc, const char* const* argv);

}  // namespace rebalance
