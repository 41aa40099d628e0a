// A run as lines of a terminal: one bar a pair, and the memory of the fullest pod against its limit. Pure.
#pragma once

#include <string>
#include <vector>

#include "cli/table.h"
#include "control/report.h"

namespace rebalance {

struct Canvas {
  int columns = 80;
  int rows = 24;
  bool utf8 = true;  // else # . |
  Palette palette;
};

// `filled` of `whole` in `cells` columns. `mark`, if above 0, is shown at its place: the ceiling on a bar of
// a limit.
std::string bar(double filled, double whole, int cells, bool utf8, double mark = 0);

// Never wider than the canvas, never more than its rows less one: running pairs first, then a count of the
// rest.
std::vector<std::string> picture(const RunView& view, const Canvas& canvas);

// The pod whose peak or present share of its limit is highest; nullptr when none has a limit.
const PodView* fullest(const std::vector<PodView>& pods);

// One line for those who have no terminal.
std::string progress_line(const RunView& view);

}  // namespace rebalance
