// How a run ended, for people. Pure.
#pragma once

#include <string>

#include "cli/table.h"
#include "control/report.h"

namespace rebalance {

// Before and after of each primary, bytes moved, moving time and total time, the peak of each pod, what
// failed.
std::string summary_text(const Summary& summary, const Palette& palette = {});

}  // namespace rebalance
