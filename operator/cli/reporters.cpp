#include "cli/reporters.h"

#include <fmt/format.h>

#include <optional>

#include "api/conditions.h"
#include "cli/bars.h"
#include "cli/events.h"
#include "cli/plan_text.h"
#include "cli/screen.h"
#include "cli/summary_text.h"

namespace rebalance {
namespace {

std::string wall_time() { return rfc3339(std::chrono::system_clock::now()); }

// Lets one through each `interval`.
class Throttle {
 public:
  Throttle(Millis interval, Clock clock) : interval_(interval), clock_(std::move(clock)) {}
  bool may() {
    const auto now = clock_();
    if (last_ && now - *last_ < interval_) return false;
    last_ = now;
    return true;
  }

 private:
  Millis interval_;
  Clock clock_;
  std::optional<Instant> last_;
};

// Tells whether a view says something that the last one did not, progress aside.
class Changes {
 public:
  bool seen_in(const RunView& view) {
    const bool changed = !state_ || *state_ != view.state || reason_ != view.reason;
    state_ = view.state;
    reason_ = view.reason;
    return changed;
  }

 private:
  std::optional<State> state_;
  std::string reason_;
};

std::string state_line(const RunView& view) {
  std::string out = state_name(view.state);
  if (!view.reason.empty()) out += " (" + view.reason + ")";
  return view.message.empty() ? out : out + ": " + view.message;
}

class BarReporter final : public Reporter {
 public:
  BarReporter(int descriptor, Palette palette, Clock clock)
      : descriptor_(descriptor),
        palette_(palette),
        screen_(descriptor),
        pictures_(Millis(100), std::move(clock)) {}

  void plan(const Plan& plan, const World& world) override {
    screen_.above(plan_text(plan, world, palette_));
  }

  void view(const RunView& view) override {
    const bool changed = changes_.seen_in(view);
    if (changed && !is_moving(view.state)) screen_.above(state_line(view));
    if (!pictures_.may() && !changed) return;
    if (view.slots_total == 0) return;
    const auto size = window_size(descriptor_);
    screen_.draw(picture(view, {size.columns, size.rows, utf8_locale(), palette_}));
  }

  void event(const std::string& reason, const std::string& message) override {
    screen_.above(palette_.paint(Colour::kYellow, reason) + ": " + message);
  }

  void summary(const Summary& summary) override {
    screen_.finish();  // the last picture stays above it
    screen_.above(summary_text(summary, palette_));
  }

 private:
  int descriptor_;
  Palette palette_;
  Screen screen_;
  Throttle pictures_;
  Changes changes_;
};

class LineReporter final : public Reporter {
 public:
  LineReporter(Sink sink, Palette palette, Clock clock)
      : sink_(std::move(sink)), palette_(palette), progress_(Millis(5000), std::move(clock)) {}

  void plan(const Plan& plan, const World& world) override { sink_(plan_text(plan, world, palette_)); }

  void view(const RunView& view) override {
    if (changes_.seen_in(view)) sink_(fmt::format("{} {}\n", wall_time(), state_line(view)));
    if (is_moving(view.state) && view.slots_total > 0 && progress_.may()) {
      sink_(fmt::format("{} {}\n", wall_time(), progress_line(view)));
    }
  }

  void event(const std::string& reason, const std::string& message) override {
    sink_(fmt::format("{} {}: {}\n", wall_time(), reason, message));
  }

  void summary(const Summary& summary) override { sink_(summary_text(summary, palette_)); }

 private:
  Sink sink_;
  Palette palette_;
  Throttle progress_;
  Changes changes_;
};

class EventReporter final : public Reporter {
 public:
  EventReporter(Sink sink, Clock clock) : sink_(std::move(sink)), progress_(Millis(1000), std::move(clock)) {}

  void plan(const Plan& plan, const World&) override { sink_(plan_event(plan, wall_time())); }

  void view(const RunView& view) override {
    if (changes_.seen_in(view)) sink_(state_event(view, wall_time()));
    if (view.slots_total > 0 && progress_.may()) sink_(progress_event(view, wall_time()));
  }

  void event(const std::string& reason, const std::string& message) override {
    sink_(notice_event(reason, message, wall_time()));
  }

  void summary(const Summary& summary) override { sink_(summary_event(summary, wall_time())); }

 private:
  Sink sink_;
  Throttle progress_;
  Changes changes_;
};

}  // namespace

std::unique_ptr<Reporter> make_bar_reporter(int descriptor, const Palette& palette, Clock clock) {
  return std::make_unique<BarReporter>(descriptor, palette, std::move(clock));
}

std::unique_ptr<Reporter> make_line_reporter(Sink sink, const Palette& palette, Clock clock) {
  return std::make_unique<LineReporter>(std::move(sink), palette, std::move(clock));
}

std::unique_ptr<Reporter> make_event_reporter(Sink sink, Clock clock) {
  return std::make_unique<EventReporter>(std::move(sink), std::move(clock));
}

}  // namespace rebalance
