#include "rebalance_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

namespace rebalance {
namespace {

constexpr double kNames = 190, kBars = 250, kFigure = 70, kLine = 26, kTop = 64;

struct Panel {
  const char* title;
  double left;
  int digits;
  const char* colour;
  std::function<double(const Measured&)> of;
};

std::string text(double x, double y, const std::string& what, const char* anchor = "start") {
  return fmt::format("<text x=\"{:.0f}\" y=\"{:.0f}\" text-anchor=\"{}\">{}</text>\n", x, y, anchor, what);
}

std::string bars(const Panel& panel, const std::vector<Row>& rows) {
  double most = 0;
  for (const auto& row : rows) most = std::max(most, row.median(panel.of));
  std::string out = text(panel.left, kTop - 12, panel.title);
  double y = kTop;
  for (const auto& row : rows) {
    const double value = row.median(panel.of), width = most > 0 ? value / most * kBars : 0;
    out += fmt::format("<rect x=\"{:.0f}\" y=\"{:.0f}\" width=\"{:.1f}\" height=\"{:.0f}\" fill=\"{}\"/>\n",
                       panel.left, y, std::max(1.0, width), kLine - 8, panel.colour);
    out += text(panel.left + width + 6, y + kLine - 13, fmt::format("{:.{}f}", value, panel.digits));
    y += kLine;
  }
  return out;
}

}  // namespace

void write_plot(const std::filesystem::path& file, const std::string& title, const std::vector<Row>& rows) {
  const double second = kNames + kBars + kFigure;
  const std::vector<Panel> panels{
      {"keys a second (more is better)", kNames, 0, "#2a6f97", &Measured::keys_per_second},
      {"p99.9 of clients, ms (less is better)", second, 2, "#c8553d",
       [](const Measured& run) { return static_cast<double>(run.clients.p999) / 1e3; }}};
  const double width = second + kBars + kFigure,
               height = kTop + kLine * static_cast<double>(rows.size()) + 12;
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" "
      "font-family=\"sans-serif\" font-size=\"13\">\n"
      "<rect width=\"{0:.0f}\" height=\"{1:.0f}\" fill=\"white\"/>\n",
      width, height);
  out += text(10, 22, title);
  for (std::size_t i = 0; i < rows.size(); ++i)
    out +=
        text(kNames - 8, kTop + kLine * static_cast<double>(i) + kLine - 13, rows[i].contestant.name, "end");
  for (const auto& panel : panels) out += bars(panel, rows);
  std::ofstream(file) << out << "</svg>\n";
}

}  // namespace rebalance
