#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "cli/commands.h"
#include "cli/reporters.h"
#include "cli/screen.h"
#include "cli/signals.h"
#include "control/run.h"
#include "kube/manifest_files.h"

namespace rebalance {
namespace {

void to_standard_output(const std::string& lines) {
  fmt::print("{}", lines);
  std::fflush(stdout);
}

std::unique_ptr<Reporter> reporter_for(Output output) {
  if (output == Output::kJson) return make_event_reporter(to_standard_output);
  const Palette palette{colours_wanted(STDOUT_FILENO)};
  const char* terminal = std::getenv("TERM");
  const bool can_redraw =
      isatty(STDOUT_FILENO) == 1 && terminal != nullptr && std::string_view(terminal) != "dumb";
  if (can_redraw) return make_bar_reporter(STDOUT_FILENO, palette);
  return make_line_reporter(to_standard_output, palette);
}

void say(const char* sentence) {
  [[maybe_unused]] const auto written =
      write(STDERR_FILENO, sentence, std::char_traits<char>::length(sentence));
}

void on_first_signal() {
  say("\nredis-rebalance: stopping at the next safe point; once more ends at once\n");
}

// What is open is in the journal, whose writes are synchronous: nothing is lost by leaving now.
void on_next_signal() {
  Screen::show_cursor(STDOUT_FILENO);
  say("\nredis-rebalance: ended at once; slots that are open are in the journal, and `run` again finishes "
      "them\n");
  std::_Exit(kStoppedCode);
}

}  // namespace

int run_command(const Options& options) {
  const StopOnSignal stop(on_first_signal, on_next_signal);  // before any thread is started
  ManifestFiles store(options.files, std::cin);
  const auto reporter = reporter_for(options.output);
  RunOptions how;
  how.plan_hash = options.plan_hash;
  how.state_folder = options.state;
  how.observe = options.observe;
  how.allow_cold_key_deletion = options.allow_cold_key_deletion;
  how.wait_seconds = options.wait_seconds;
  return run(store, how, *reporter, stop.token()).exit_code;
}

}  // namespace rebalance
