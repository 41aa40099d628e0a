// A few lines of a terminal that are redrawn in place.
#pragma once

#include <string>
#include <vector>

namespace rebalance {

struct WindowSize {
  int columns = 80;
  int rows = 24;
};
WindowSize window_size(int descriptor);  // 80 x 24 where it cannot be asked
bool utf8_locale();                      // LC_ALL, LC_CTYPE, LANG: the first that is set decides

// Hides the cursor while something is drawn and shows it again in the destructor. One write for each picture,
// each line cleared behind its text and never before it, so nothing flickers. Not synchronised.
class Screen {
 public:
  explicit Screen(int descriptor) : descriptor_(descriptor) {}
  ~Screen() { finish(); }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  void draw(const std::vector<std::string>& lines);  // in place of the last picture
  void above(const std::string& text);               // stays; the picture moves below it
  void finish();                                     // the last picture stays

  // For a signal's thread that is about to end the process.
  static void show_cursor(int descriptor);

 private:
  std::string home() const;
  void write_all(const std::string& text) const;

  int descriptor_;
  std::vector<std::string> drawn_;
  bool hidden_ = false;
};

}  // namespace rebalance
