#include "cli/bars.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/words.h"

namespace rebalance {
namespace {

constexpr int kNarrowest = 10;  // columns of a bar

double share(const PodView& pod) {
  return pod.limit > 0 ? static_cast<double>(pod.base) / static_cast<double>(pod.limit) : -1;
}

bool done(const PairView& pair) { return !pair.running && pair.slots_done >= pair.slots_total; }

std::string rate_text(double bytes_per_second) {
  return bytes_per_second > 0 ? human_bytes(static_cast<Bytes>(bytes_per_second)) + "/s" : "-";
}

std::string overall(const RunView& view, const Palette& palette) {
  auto out =
      palette.paint(Colour::kBold, state_name(view.state)) +
      fmt::format("  {} of {}, {} of {}", count_text(view.slots_done), plural(view.slots_total, "slot"),
                  human_bytes(view.bytes_done), human_bytes(view.bytes_total));
  if (view.bytes_per_second > 0) out += "  " + rate_text(view.bytes_per_second);
  if (view.eta_seconds >= 0) out += fmt::format("  {} left", duration_text(view.eta_seconds));
  return out;
}

// A pair's estimate may be exceeded by what was written meanwhile; its bar stays full then. Slots say when it
// is over.
double done_share(const PairView& pair) {
  if (done(pair)) return 1;
  if (pair.bytes_total > 0)
    return static_cast<double>(pair.bytes_done) / static_cast<double>(pair.bytes_total);
  return pair.slots_total > 0 ? static_cast<double>(pair.slots_done) / pair.slots_total : 0;
}

std::string pair_figures(const PairView& pair) {
  return fmt::format(" {:>4}  {}/{} keys  {}/{}  {}  ETA {}",
                     fmt::format("{} %", static_cast<int>(100 * std::clamp(done_share(pair), 0.0, 1.0))),
                     count_text(pair.keys_done), count_text(pair.keys_total), human_bytes(pair.bytes_done),
                     human_bytes(pair.bytes_total), rate_text(pair.bytes_per_second),
                     done(pair) ? "done" : duration_text(pair.eta_seconds));
}

std::string memory_figures(const PodView& pod) {
  return fmt::format(" {} of {} ({}), ceiling {}, peak {}", human_bytes(pod.base), human_bytes(pod.limit),
                     percent_text(pod.base, pod.limit), human_bytes(pod.ceiling), human_bytes(pod.peak));
}

Colour memory_colour(const PodView& pod) {
  if (pod.base <= pod.ceiling) return Colour::kGreen;
  return share(pod) < 0.95 ? Colour::kYellow : Colour::kRed;
}

struct Line {
  std::string name, figures;
  double filled = 0, whole = 1, mark = 0;
  Colour colour = Colour::kGreen;
};

// Bars begin and end at the same columns in every line.
std::vector<std::string> aligned(const std::vector<Line>& lines, const Canvas& canvas) {
  int names = 0, figures = 0;
  for (const auto& line : lines) {
    names = std::max(names, display_width(line.name));
    figures = std::max(figures, display_width(line.figures));
  }
  names = std::min(names, canvas.columns / 3);
  const int cells = std::clamp(canvas.columns - names - figures - 2, kNarrowest, 40);
  std::vector<std::string> out;
  for (const auto& line : lines) {
    const auto name = fitted(line.name, names);
    const std::string space(static_cast<std::size_t>(names - display_width(name) + 1), ' ');
    const auto drawn = bar(line.filled, line.whole, cells, canvas.utf8, line.mark);
    out.push_back(
        fitted(name + space + canvas.palette.paint(line.colour, drawn) + line.figures, canvas.columns));
  }
  return out;
}

std::vector<const PairView*> running_first(const std::vector<PairView>& pairs) {
  std::vector<const PairView*> out;
  for (const auto& pair : pairs) out.push_back(&pair);
  std::ranges::stable_partition(out, [](const auto* pair) { return pair->running; });
  return out;
}

}  // namespace

std::string bar(double filled, double whole, int cells, bool utf8, double mark) {
  const auto place = [&](double value) {
    return whole > 0 ? static_cast<int>(std::clamp(value / whole, 0.0, 1.0) * cells) : 0;
  };
  const int full = place(filled);
  const int marked = mark > 0 ? std::min(place(mark), cells - 1) : -1;
  std::string out;
  for (int i = 0; i < cells; ++i) {
    if (i == marked)
      out += utf8 ? "│" : "|";
    else if (i < full)
      out += utf8 ? "█" : "#";
    else
      out += utf8 ? "░" : ".";
  }
  return out;
}

const PodView* fullest(const std::vector<PodView>& pods) {
  const auto found = std::ranges::max_element(pods, {}, share);
  return found != pods.end() && found->limit > 0 ? &*found : nullptr;
}

std::vector<std::string> picture(const RunView& view, const Canvas& canvas) {
  std::vector<Line> lines;
  const auto pairs = running_first(view.pairs);
  // Besides the pairs: the sum, the rest's count, the memory, and the row of the cursor.
  const auto shown = std::min(pairs.size(), static_cast<std::size_t>(std::max(1, canvas.rows - 4)));
  for (std::size_t i = 0; i < shown; ++i) {
    const auto& pair = *pairs[i];
    lines.push_back({pair.source + " -> " + pair.target, pair_figures(pair), done_share(pair), 1, 0,
                     pair.running ? Colour::kGreen : Colour::kDim});
  }
  if (const auto* pod = fullest(view.pods)) {
    lines.push_back({"fullest " + pod->pod, memory_figures(*pod), static_cast<double>(pod->base),
                     static_cast<double>(pod->limit), static_cast<double>(pod->ceiling),
                     memory_colour(*pod)});
  }
  auto out = aligned(lines, canvas);
  out.insert(out.begin(), fitted(overall(view, canvas.palette), canvas.columns));
  if (shown < pairs.size()) {
    const auto finished = std::count_if(pairs.begin() + static_cast<std::ptrdiff_t>(shown), pairs.end(),
                                        [](const auto* pair) { return done(*pair); });
    out.insert(out.begin() + 1 + static_cast<std::ptrdiff_t>(shown),
               fitted(fmt::format("and {} more, {} of them done",
                                  plural(static_cast<std::int64_t>(pairs.size() - shown), "pair"), finished),
                      canvas.columns));
  }
  return out;
}

std::string progress_line(const RunView& view) {
  auto out = overall(view, {});
  if (const auto* pod = fullest(view.pods))
    out += fmt::format("; fullest {}:{}", pod->pod, memory_figures(*pod));
  return out;
}

}  // namespace rebalance
