#include "ctl/top/screen.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "schema/base/files.h"
#include "schema/graph/utf8.h"

namespace weir::ctl {
namespace {

constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l";  // Another screen, no cursor.
constexpr std::string_view kLeave = "\x1b[?25h\x1b[?1049l";
constexpr std::string_view kHome = "\x1b[H";
constexpr std::string_view kEraseBelow = "\x1b[J";
constexpr size_t kLinesDefault = 24;
constexpr size_t kColumnsDefault = 80;

void put(std::string_view bytes) {
  // A terminal that has gone sends SIGHUP.
  (void)write_all(STDOUT_FILENO, bytes, "the terminal");
}

std::string_view first_characters(std::string_view line, size_t characters) {
  size_t at = 0;
  for (size_t i = 0; i < characters && at < line.size(); ++i) {
    at += std::max<size_t>(1, graph::utf8_length(line, at));
  }
  return line.substr(0, at);
}

}  // namespace

Screen::Screen() {
  termios now{};
  if (::tcgetattr(STDIN_FILENO, &now) == 0) {
    before_ = now;
    now.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &now);
  }
  put(kEnter);
}

Screen::~Screen() {
  put(kLeave);
  if (before_) ::tcsetattr(STDIN_FILENO, TCSANOW, &*before_);
}

void Screen::show(const std::string& text) {
  winsize size{};
  const bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0;
  const std::string shown =
      fitted(text, known ? size.ws_row : kLinesDefault, known ? size.ws_col : kColumnsDefault);
  std::string out(kHome);
  for (const char c : shown) out += c == '\n' ? std::string("\x1b[K\r\n") : std::string(1, c);
  put(out.append("\x1b[K").append(kEraseBelow));
}

char Screen::key() const {
  pollfd poll{STDIN_FILENO, POLLIN, 0};
  char key = 0;
  if (!before_ || ::poll(&poll, 1, 0) <= 0 || ::read(STDIN_FILENO, &key, 1) != 1) return 0;
  return key;
}

std::string fitted(const std::string& text, size_t lines, size_t characters) {
  std::string out;
  size_t at = 0;
  for (size_t i = 0; i < lines && at < text.size(); ++i) {
    const size_t end = std::min(text.find('\n', at), text.size());
    if (i > 0) out += '\n';
    out += first_characters(std::string_view(text).substr(at, end - at), characters);
    at = end + 1;
  }
  return out;
}

}  // namespace weir::ctl
