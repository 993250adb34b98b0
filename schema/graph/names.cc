#include "schema/graph/names.h"

#include <algorithm>
#include <array>

namespace weir::graph {
namespace {

// Without <cctype>: the answer must not depend on the locale.
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return is_lower(c) || (c >= 'A' && c <= 'Z'); }
bool is_word(char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '-'; }

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kWordEnds = " \t\r\n;|&<>()";

bool is_assignment(std::string_view word) {
  const size_t equals = word.find('=');
  if (equals == std::string_view::npos || equals == 0 || is_digit(word[0])) return false;
  return std::all_of(word.begin(), word.begin() + static_cast<std::ptrdiff_t>(equals),
                     [](char c) { return is_word(c) && c != '-'; });
}

// The first word that is not an assignment to the environment; empty if quotes make it unclear.
std::string_view first_word(std::string_view command) {
  while (true) {
    const size_t begin = command.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) return {};
    command.remove_prefix(begin);
    const std::string_view word = command.substr(0, command.find_first_of(kWordEnds));
    if (!is_assignment(word)) return word;
    if (word.find_first_of("'\"\\`$") != std::string_view::npos) return {};
    command.remove_prefix(word.size());
  }
}

// Whether the shell would see anything but one simple command.
bool has_shell_operator(std::string_view command) {
  char quote = 0;
  for (size_t i = 0; i < command.size(); ++i) {
    const char c = command[i];
    if (c == '\\' && quote != '\'') {
      ++i;
    } else if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (std::string_view(";|&()`\n").find(c) != std::string_view::npos) {
      return true;
    }
  }
  return quote != 0;
}

}  // namespace

bool is_node_name(std::string_view name) {
  return !name.empty() && name.size() <= kNameMax && (is_letter(name[0]) || name[0] == '_') &&
         std::all_of(name.begin(), name.end(), is_word);
}

bool is_pipeline_name(std::string_view name) {
  const auto allowed = [](char c) { return is_lower(c) || is_digit(c) || c == '_' || c == '-'; };
  return !name.empty() && name.size() <= kNameMax && (is_lower(name[0]) || is_digit(name[0])) &&
         std::all_of(name.begin(), name.end(), allowed);
}

bool is_host_name(std::string_view name) {
  return !name.empty() && name.size() <= kNameMax && (is_letter(name[0]) || is_digit(name[0])) &&
         std::all_of(name.begin(), name.end(), [](char c) { return is_word(c) || c == '.'; });
}

std::string command_name(std::string_view command) {
  std::string_view word = first_word(command);
  const size_t slash = word.find_last_not_of('/') == std::string_view::npos
                           ? std::string_view::npos
                           : word.substr(0, word.find_last_not_of('/') + 1).rfind('/');
  if (slash != std::string_view::npos) word.remove_prefix(slash + 1);
  std::string name;
  for (const char c : word) {
    if (is_word(c)) {
      name += c;
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  while (!name.empty() && name.back() == '-') name.pop_back();
  name.erase(0, name.find_first_not_of('-'));
  if (name.empty()) return "command";
  if (is_digit(name[0])) name.insert(name.begin(), '_');
  // Room for the number that tells namesakes apart.
  name.resize(std::min<size_t>(name.size(), kNameMax - 7));
  return name;
}

bool is_lone_grep(std::string_view command) {
  const size_t end = command.find_last_not_of(kBlanks);
  if (end == std::string_view::npos) return false;
  command = command.substr(0, end + 1);
  if (has_shell_operator(command)) return false;
  std::string_view word = first_word(command);
  if (word.find_first_of("'\"\\") != std::string_view::npos) return false;
  word.remove_prefix(word.rfind('/') == std::string_view::npos ? 0 : word.rfind('/') + 1);
  constexpr std::array<std::string_view, 4> kGreps{"grep", "egrep", "fgrep", "rg"};
  return std::find(kGreps.begin(), kGreps.end(), word) != kGreps.end();
}

std::string quote_command(std::string_view command) {
  const bool has_single = command.find('\'') != std::string_view::npos;
  const bool has_double = command.find('"') != std::string_view::npos;
  const char quote = has_single && !has_double ? '"' : '\'';
  std::string out(1, quote);
  for (const char c : command) {
    if (c == quote || c == '\\') out += '\\';
    out += c;
  }
  return out + quote;
}

}  // namespace weir::graph
