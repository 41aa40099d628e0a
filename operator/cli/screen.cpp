#include "cli/screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>

namespace rebalance {
namespace {

constexpr std::string_view kHide = "\x1b[?25l";
constexpr std::string_view kShow = "\x1b[?25h";
constexpr std::string_view kClearToEnd = "\x1b[K";
constexpr std::string_view kClearBelow = "\x1b[J";

std::string block(const std::vector<std::string>& lines) {
  std::string out;
  for (const auto& line : lines) out += line + std::string(kClearToEnd) + "\n";
  return out;
}

}  // namespace

WindowSize window_size(int descriptor) {
  winsize size{};
  if (ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {size.ws_col, size.ws_row};
}

bool utf8_locale() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const std::string_view text(value);
    return text.find("UTF-8") != std::string_view::npos || text.find("utf8") != std::string_view::npos;
  }
  return false;
}

std::string Screen::home() const {
  return drawn_.empty() ? "\r" : "\x1b[" + std::to_string(drawn_.size()) + "A\r";
}

void Screen::draw(const std::vector<std::string>& lines) {
  auto text = (hidden_ ? std::string() : std::string(kHide)) + home() + block(lines);
  if (lines.size() < drawn_.size()) text += kClearBelow;
  hidden_ = true;
  drawn_ = lines;
  write_all(text);
}

void Screen::above(const std::string& text) { write_all(home() + block({text}) + block(drawn_)); }

void Screen::finish() {
  if (!hidden_) return;
  hidden_ = false;
  drawn_.clear();
  write_all(std::string(kShow));
}

void Screen::show_cursor(int descriptor) {
  if (isatty(descriptor) != 1) return;
  [[maybe_unused]] const auto written = write(descriptor, kShow.data(), kShow.size());
}

void Screen::write_all(const std::string& text) const {
  for (std::string_view rest = text; !rest.empty();) {
    const auto written = write(descriptor_, rest.data(), rest.size());
    if (written < 0 && errno != EINTR) return;  // a terminal that went away is no reason to stop a move
    if (written > 0) rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace rebalance
