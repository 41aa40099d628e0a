#include "cli/table.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>

namespace rebalance {
namespace {

struct Glyph {
  std::size_t bytes;
  int columns;
};

bool within(std::uint32_t code, std::uint32_t first, std::uint32_t last) {
  return first <= code && code <= last;
}

int columns_of(std::uint32_t code) {
  if (within(code, 0x0300, 0x036F) || within(code, 0x200B, 0x200F) || within(code, 0xFE00, 0xFE0F)) return 0;
  const bool wide =
      within(code, 0x1100, 0x115F) || within(code, 0x2E80, 0xA4CF) || within(code, 0xAC00, 0xD7A3) ||
      within(code, 0xF900, 0xFAFF) || within(code, 0xFE30, 0xFE6F) || within(code, 0xFF00, 0xFF60) ||
      within(code, 0xFFE0, 0xFFE6) || within(code, 0x1F300, 0x1FAFF) || within(code, 0x20000, 0x3FFFD);
  return wide ? 2 : 1;
}

// ESC [ ... letter
std::size_t escape_length(std::string_view text) {
  if (!text.starts_with("\x1b[")) return 0;
  std::size_t end = 2;
  while (end < text.size() && (text[end] < '@' || text[end] > '~')) ++end;
  return std::min(end + 1, text.size());
}

Glyph first_glyph(std::string_view text) {
  if (const auto escape = escape_length(text)) return {escape, 0};
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t length = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
  if (length == 1 || length > text.size()) return {1, 1};
  std::uint32_t code = lead & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xC0U) != 0x80U) return {1, 1};
    code = (code << 6U) | (next & 0x3FU);
  }
  return {length, columns_of(code)};
}

std::string padded(const std::string& text, int width, Align align) {
  const std::string space(static_cast<std::size_t>(std::max(0, width - display_width(text))), ' ');
  return align == Align::kLeft ? text + space : space + text;
}

}  // namespace

std::string Palette::paint(Colour colour, std::string_view text) const {
  if (!enabled || colour == Colour::kPlain || text.empty()) return std::string(text);
  static constexpr std::array<const char*, 6> kCodes = {"0", "1", "2", "32", "33", "31"};
  return std::string("\x1b[") + kCodes.at(static_cast<std::size_t>(colour)) + "m" + std::string(text) +
         "\x1b[0m";
}

bool colours_wanted(int descriptor) {
  const char* refused = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  if (refused != nullptr && *refused != '\0') return false;
  return isatty(descriptor) == 1 && terminal != nullptr && std::string_view(terminal) != "dumb";
}

int display_width(std::string_view text) {
  int width = 0;
  while (!text.empty()) {
    const auto glyph = first_glyph(text);
    width += glyph.columns;
    text.remove_prefix(glyph.bytes);
  }
  return width;
}

std::string fitted(std::string_view text, int width) {
  if (display_width(text) <= width) return std::string(text);
  std::string kept;
  int room = std::max(0, width - 3);
  while (!text.empty()) {
    const auto glyph = first_glyph(text);
    if (glyph.columns > room) break;
    room -= glyph.columns;
    kept += text.substr(0, glyph.bytes);
    text.remove_prefix(glyph.bytes);
  }
  // A colour that was open at the cut must not run on.
  if (kept.find('\x1b') != std::string::npos) kept += "\x1b[0m";
  return kept + std::string("...").substr(0, static_cast<std::size_t>(std::clamp(width, 0, 3)));
}

void Table::row(std::vector<Cell> cells) {
  cells.resize(columns_.size(), Cell(""));
  rows_.push_back(std::move(cells));
}

std::string Table::text(const Palette& palette) const {
  std::vector<int> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    int width = display_width(columns_[i].title);
    for (const auto& cells : rows_) width = std::max(width, display_width(cells[i].text));
    widths.push_back(width);
  }
  const auto line = [&](const std::vector<Cell>& cells) {
    std::string out;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (i > 0) out += "  ";
      const auto full = padded(cells[i].text, widths[i], columns_[i].align);
      // Painted without the padding, so that the end of the line can be trimmed.
      const auto at = full.find(cells[i].text);
      out += full.substr(0, at) + palette.paint(cells[i].colour, cells[i].text) +
             full.substr(at + cells[i].text.size());
    }
    out.erase(out.find_last_not_of(' ') + 1);
    return out + "\n";
  };
  std::vector<Cell> titles;
  for (const auto& column : columns_) titles.emplace_back(column.title, Colour::kBold);
  std::string out = line(titles);
  for (const auto& cells : rows_) out += line(cells);
  return out;
}

}  // namespace rebalance
