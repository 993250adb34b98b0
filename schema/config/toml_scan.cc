#include "schema/config/toml_scan.h"

#include <algorithm>
#include <cstdint>

namespace weir::config {
namespace {

constexpr size_t kNone = std::string_view::npos;

// What a quote at `at` opens.
struct Opening {
  char quote = 0;
  bool is_long = false;  // Three quotes.
  size_t content = 0;    // Where the content begins.

  bool has_escapes() const { return quote == '"'; }
};

Opening opening_at(std::string_view text, size_t at) {
  const char quote = text[at];
  const bool is_long = text.substr(at, 3) == std::string(3, quote);
  return {quote, is_long, at + (is_long ? 3 : 1)};
}

// Where the string ends: `content` is the end of its content, `after` the first byte behind it.
struct Ending {
  size_t content = 0;
  size_t after = 0;
};

// If the content ends at `at`.
std::optional<Ending> ending_at(std::string_view text, const Opening& opening, size_t at) {
  if (at >= text.size()) return Ending{text.size(), text.size()};
  if (!opening.is_long) {
    if (text[at] == '\n') return Ending{at, at};
    return text[at] == opening.quote ? std::optional(Ending{at, at + 1}) : std::nullopt;
  }
  if (text.substr(at, 3) != std::string(3, opening.quote)) return std::nullopt;
  // Up to two quotes may stand right before the closing three.
  size_t end = at;
  while (end < at + 2 && end + 3 < text.size() && text[end + 3] == opening.quote) ++end;
  return Ending{end, end + 3};
}

// The first byte behind the string that begins at `at`.
size_t skip_string(std::string_view text, size_t at) {
  const Opening opening = opening_at(text, at);
  at = opening.content;
  while (true) {
    if (const auto ending = ending_at(text, opening, at)) return ending->after;
    at += opening.has_escapes() && text[at] == '\\' ? 2 : 1;
  }
}

size_t utf8_size(uint32_t code_point) {
  if (code_point < 0x80) return 1;
  if (code_point < 0x800) return 2;
  return code_point < 0x10000 ? 3 : 4;
}

// One escape at `at` (a backslash): how many bytes it takes in the text, and how many it yields.
struct Escape {
  size_t taken = 2;
  size_t yielded = 1;
};

Escape escape_at(std::string_view text, size_t at) {
  const char kind = at + 1 < text.size() ? text[at + 1] : 0;
  if (kind == 'u' || kind == 'U') {
    const size_t digits = kind == 'u' ? 4 : 8;
    uint32_t code_point = 0;
    for (const char c : text.substr(std::min(at + 2, text.size()), digits)) {
      const char lower = static_cast<char>(c | 0x20);
      const int digit = c <= '9' ? c - '0' : lower - 'a' + 10;
      code_point = code_point * 16 + static_cast<uint32_t>(digit & 0xF);
    }
    return {2 + digits, utf8_size(code_point)};
  }
  // A backslash at the end of a line swallows the line's end, and all blanks after it.
  const size_t line_end = text.find_first_not_of(" \t\r", at + 1);
  if (line_end != kNone && text[line_end] == '\n') {
    const size_t next = std::min(text.find_first_not_of(" \t\r\n", line_end), text.size());
    return {next - at, 0};
  }
  return {};
}

}  // namespace

std::optional<size_t> first_deep_key(std::string_view text, size_t parts_max) {
  size_t dots = 0;
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '"' || c == '\'') {
      at = skip_string(text, at);
      continue;
    }
    if (c == '#') {
      at = std::min(text.find('\n', at), text.size());
      continue;
    }
    if (c == '.') {
      if (++dots >= parts_max) return at;
    } else if (std::string_view("=,[]{}\n").find(c) != kNone) {
      dots = 0;
    }
    ++at;
  }
  return std::nullopt;
}

std::vector<size_t> string_offsets(std::string_view text, size_t begin) {
  if (begin >= text.size() || (text[begin] != '"' && text[begin] != '\'')) return {};
  const Opening opening = opening_at(text, begin);
  size_t at = opening.content;
  if (opening.is_long) {
    // A newline right behind the opening quotes is not part of the string.
    if (text.substr(at, 2) == "\r\n") at += 2;
    if (at < text.size() && text[at] == '\n') ++at;
  }
  std::vector<size_t> offsets;
  std::optional<Ending> ending;
  while (!(ending = ending_at(text, opening, at))) {
    if (opening.has_escapes() && text[at] == '\\') {
      const Escape escape = escape_at(text, at);
      offsets.insert(offsets.end(), escape.yielded, at);
      at = std::min(at + escape.taken, text.size());
    } else {
      offsets.push_back(at++);
    }
  }
  for (; at < ending->content; ++at) offsets.push_back(at);
  offsets.push_back(ending->content);
  return offsets;
}

std::string toml_quote(std::string_view text) {
  const auto is_control = [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7F; };
  const bool has_control = std::any_of(text.begin(), text.end(), is_control);
  const bool needs_escape = has_control || text.find_first_of("\"\\") != kNone;
  if (needs_escape && !has_control && text.find('\'') == kNone) {
    return "'" + std::string(text) + "'";
  }
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (is_control(c)) {
      const auto byte = static_cast<uint8_t>(c);
      out += "\\u00";
      out += kDigits[byte >> 4];
      out += kDigits[byte & 0xF];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace weir::config
