// Plain aligned tables and the few colours that go with them. Pure, but for what colours_wanted() asks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rebalance {

enum class Colour { kPlain, kBold, kDim, kGreen, kYellow, kRed };

// Paints, or leaves text as it is.
struct Palette {
  bool enabled = false;
  std::string paint(Colour colour, std::string_view text) const;
};

// Only on a terminal that is not "dumb", and not where NO_COLOR is set (no-color.org).
bool colours_wanted(int descriptor);

// Columns on a terminal: combining marks count 0, wide East Asian characters 2, ANSI colours 0. Invalid UTF-8
// counts 1 a byte.
int display_width(std::string_view text);

// `text` cut to at most `width` columns; what was cut is shown by "...".
std::string fitted(std::string_view text, int width);

enum class Align { kLeft, kRight };

struct Column {
  std::string title;
  Align align = Align::kLeft;
};

struct Cell {
  std::string text;
  Colour colour = Colour::kPlain;
  Cell(std::string words, Colour paint = Colour::kPlain)
      : text(std::move(words)), colour(paint) {}  // NOLINT: cells are written as text
  Cell(const char* words) : text(words) {}        // NOLINT
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // Missing cells stay empty; cells beyond the columns are dropped.
  void row(std::vector<Cell> cells);
  bool empty() const { return rows_.empty(); }
  // Two spaces between columns, none at the end of a line, a line feed after each row.
  std::string text(const Palette& palette = {}) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace rebalance
