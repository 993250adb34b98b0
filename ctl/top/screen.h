// The whole terminal for as long as it lives: another screen, keys as they are typed, and all as it
// was at the end.
//
// Standard output must be a terminal. Hold signals meanwhile (SignalsHeld), or one may leave the
// terminal as it is here. Thread: one.
#pragma once

#include <termios.h>

#include <optional>
#include <string>

namespace weir::ctl {

class Screen {
 public:
  Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
  ~Screen();

  // Shows as much of the lines as there is room for.
  void show(const std::string& text);
  // The next key that was typed; 0: none.
  char key() const;

 private:
  std::optional<termios> before_;  // Of standard input, if that is a terminal.
};

// The lines cut to so many characters, and so many of them. Pure.
std::string fitted(const std::string& text, size_t lines, size_t characters);

}  // namespace weir::ctl
