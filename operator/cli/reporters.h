// Whom a run tells: bars on a terminal, plain lines for a log, events for a program.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "cli/table.h"
#include "control/report.h"

namespace rebalance {

using Clock = std::function<Instant()>;
using Sink = std::function<void(const std::string&)>;  // whole lines, with their line feeds

// Draws on `descriptor`, a terminal; the window's size is asked anew for each picture. At most ten pictures a
// second.
std::unique_ptr<Reporter> make_bar_reporter(int descriptor, const Palette& palette,
                                            Clock clock = BootClock::now);

// A line on each change of state and each event, and at most one line of progress in five seconds.
std::unique_ptr<Reporter> make_line_reporter(Sink sink, const Palette& palette, Clock clock = BootClock::now);

// One JSON object a line: `event` is plan, state, progress (at most one a second), notice or summary.
// docs/cli.md lists the fields.
std::unique_ptr<Reporter> make_event_reporter(Sink sink, Clock clock = BootClock::now);

}  // namespace rebalance
