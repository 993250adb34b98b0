#include "schema/graph/buffering.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace weir::graph {
namespace {

struct Filter {
  std::string_view program;
  char flag;              // Its short option that makes it write at once; 0: none.
  std::string_view word;  // The long option, or what its script has to say.
  std::string_view remedy;
  bool stdbuf_helps = true;
};

// From their manuals, Debian 12. cat, tee and head are not here: they write what they have read.
// mawk, which is Debian's awk, fills a buffer before it looks at a line, whatever it flushes.
constexpr std::array kFilters{
    Filter{"sed", 'u', "--unbuffered", "sed -u"},
    Filter{"grep", 0, "--line-buffered", "grep --line-buffered"},
    Filter{"egrep", 0, "--line-buffered", "egrep --line-buffered"},
    Filter{"fgrep", 0, "--line-buffered", "fgrep --line-buffered"},
    Filter{"rg", 0, "--line-buffered", "rg --line-buffered", false},
    Filter{"jq", 0, "--unbuffered", "jq --unbuffered"},
    Filter{"mawk", 0, "interactive", "mawk -W interactive", false},
    Filter{"awk", 0, "interactive", "mawk -W interactive, or gawk with fflush()", false},
    Filter{"gawk", 0, "fflush", "gawk with fflush() behind each print"},
    Filter{"python", 'u', "flush", "python -u"},
    Filter{"python3", 'u', "flush", "python3 -u"},
    Filter{"perl", 0, "$|", "perl with $| = 1", false},
    Filter{"cut", 0, "", "stdbuf -oL cut"},
    Filter{"tr", 0, "", "stdbuf -oL tr"},
    Filter{"uniq", 0, "", "stdbuf -oL uniq"},
    Filter{"nl", 0, "", "stdbuf -oL nl"},
    Filter{"rev", 0, "", "stdbuf -oL rev"},
};

// The words of a command without operators; nothing if it has some, outside of quotes.
std::optional<std::vector<std::string>> words_of(std::string_view command) {
  std::vector<std::string> words;
  bool in_word = false;
  char quote = 0;
  for (const char c : command) {
    if (quote != 0) {
      if (c == quote) quote = 0;
      if (c != quote) words.back() += c;
      continue;
    }
    if (std::string_view("|&;<>()`\n").find(c) != std::string_view::npos) return std::nullopt;
    if (c == ' ' || c == '\t') {
      in_word = false;
      continue;
    }
    if (!std::exchange(in_word, true)) words.emplace_back();
    if (c == '\'' || c == '"') {
      quote = c;
    } else {
      words.back() += c;
    }
  }
  return words;
}

bool writes_at_once(const Filter& filter, const std::vector<std::string>& words) {
  return std::any_of(words.begin() + 1, words.end(), [&](const std::string& word) {
    const bool cluster = word.size() > 1 && word[0] == '-' && word[1] != '-';
    if (filter.flag != 0 && cluster && word.find(filter.flag) != std::string::npos) return true;
    return !filter.word.empty() && word.find(filter.word) != std::string::npos;
  });
}

}  // namespace

std::optional<BufferingFilter> buffering_filter(std::string_view command) {
  const std::optional<std::vector<std::string>> words = words_of(command);
  if (!words || words->empty()) return std::nullopt;
  const std::string& path = words->front();
  const std::string program = path.substr(path.find_last_of('/') + 1);
  const auto found = std::find_if(kFilters.begin(), kFilters.end(),
                                  [&](const Filter& filter) { return filter.program == program; });
  if (found == kFilters.end() || writes_at_once(*found, *words)) return std::nullopt;
  return BufferingFilter{program, std::string(found->remedy), found->stdbuf_helps};
}

}  // namespace weir::graph
