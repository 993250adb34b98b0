#include "schema/graph/lexer.h"

#include <algorithm>

#include "schema/graph/ast.h"
#include "schema/graph/names.h"
#include "schema/graph/utf8.h"

namespace weir::graph {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kWordEnds = " \t\r\n;|()'\"";
constexpr std::string_view kBareEnds = ";|()";
constexpr std::string_view kWordCharacters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

constexpr std::string_view kOperatorsHint =
    "'||' runs nodes side by side, ';' one after the other; a shell pipe goes inside quotes: "
    "'a | b'";

class Lexer {
 public:
  Lexer(std::string_view text, const ParseOptions& options, Problems& problems)
      : text_(text), options_(options), problems_(problems) {}

  std::vector<Token> run() {
    while (true) {
      at_ = std::min(text_.find_first_not_of(kBlanks, at_), text_.size());
      if (at_ == text_.size()) break;
      take_one();
    }
    push(TokenKind::kEnd, text_.size());
    return std::move(tokens_);
  }

 private:
  void take_one() {
    switch (text_[at_]) {
      case ';':
        push(TokenKind::kSequence, at_++);
        break;
      case '(':
        push(TokenKind::kOpen, at_++);
        break;
      case ')':
        push(TokenKind::kClose, at_++);
        break;
      case '|':
        take_bars();
        break;
      case '\'':
      case '"':
        take_command();
        break;
      default:
        if (options_.commands_only) {
          take_bare_words();
        } else {
          take_word();
        }
    }
  }

  void take_bars() {
    const size_t begin = at_;
    at_ = std::min(text_.find_first_not_of('|', at_), text_.size());
    if (at_ - begin != 2) {
      report(begin, quoted(begin, at_) + " is not an operator", std::string(kOperatorsHint));
    }
    push(TokenKind::kParallel, begin);
  }

  void take_command() {
    const size_t begin = at_;
    const char quote = text_[at_++];
    std::string command;
    bool is_closed = false;
    while (at_ < text_.size() && !is_closed) {
      char c = text_[at_++];
      if (c == quote) {
        is_closed = true;
        continue;
      }
      const bool is_escape =
          c == '\\' && at_ < text_.size() && (text_[at_] == quote || text_[at_] == '\\');
      if (is_escape) c = text_[at_++];
      command += c;
    }
    if (!is_closed) {
      report(begin, "this quote is never closed",
             std::string("end the command with ") + quote + "; inside it, \\" + quote +
                 " stands for the quote itself");
    } else if (command.find('\0') != std::string::npos) {
      report(begin, "a command cannot hold a NUL byte");
    } else if (command.find_first_not_of(kBlanks) == std::string::npos) {
      report(begin, "the command is empty", "put a shell command between the quotes");
    }
    push(TokenKind::kCommand, begin, std::move(command));
  }

  void take_word() {
    const size_t begin = at_;
    at_ = std::min(text_.find_first_of(kWordEnds, at_), text_.size());
    const std::string_view word = text_.substr(begin, at_ - begin);
    if (word == "-") return push(TokenKind::kStdin, begin);
    const size_t bad = word.find_first_not_of(kWordCharacters);
    if (bad != std::string_view::npos) {
      report_bad_character(begin, bad, word);
      return push(TokenKind::kBad, begin);
    }
    if (word.size() > kNameMax) {
      report(begin, "this name has " + std::to_string(word.size()) + " characters",
             "a name has at most " + std::to_string(kNameMax));
    } else if (!is_node_name(word)) {
      report(begin, "'" + std::string(word) + "' is not a name",
             "a name begins with a letter or _; a command goes in quotes");
    }
    push(TokenKind::kName, begin, std::string(word));
  }

  void report_bad_character(size_t begin, size_t bad, std::string_view word) {
    const size_t length = std::max<size_t>(1, utf8_length(word, bad));
    std::string hint = "names have letters, digits, _ and -; operators are ';' and '||'";
    if (word[bad] == '+') {
      hint = "'+' is not an operator here: use '||'";
    } else if (word[bad] == '&') {
      hint = "use '||' to run nodes side by side";
    } else if (word[bad] == '.' || word[bad] == '/') {
      hint = "names have letters, digits, _ and -; a command goes in quotes: " +
             quote_command(word.substr(0, kNameMax));
    }
    report(begin + bad, quoted(begin + bad, begin + bad + length) + " cannot stand here",
           std::move(hint));
  }

  // Everything up to the next operator or parenthesis, quoted parts included.
  void take_bare_words() {
    const size_t begin = at_;
    while (at_ < text_.size() && kBareEnds.find(text_[at_]) == std::string_view::npos) {
      const char c = text_[at_++];
      if (c != '\'' && c != '"') continue;
      const size_t close = text_.find(c, at_);
      if (close != std::string_view::npos) at_ = close + 1;
    }
    size_t end = at_;
    while (end > begin && kBlanks.find(text_[end - 1]) != std::string_view::npos) --end;
    const std::string_view words = text_.substr(begin, end - begin);
    if (words == "-") return push(TokenKind::kStdin, begin);
    report(begin, "'" + clipped(words) + "' is not in quotes",
           "every node is a command in quotes: " + quote_command(clipped(words)));
    push(TokenKind::kBad, begin);
  }

  static std::string clipped(std::string_view words) {
    constexpr size_t kShown = 60;
    if (words.size() <= kShown) return std::string(words);
    return std::string(words.substr(0, kShown)) + "...";
  }

  std::string quoted(size_t begin, size_t end) const {
    return "'" + clipped(text_.substr(begin, end - begin)) + "'";
  }

  void report(size_t offset, std::string message, std::string hint = "") {
    problems_.add({options_.expression, static_cast<uint32_t>(offset)}, std::move(message),
                  std::move(hint));
  }

  void push(TokenKind kind, size_t offset, std::string text = "") {
    tokens_.push_back({kind, static_cast<uint32_t>(offset), std::move(text)});
  }

  std::string_view text_;
  const ParseOptions& options_;
  Problems& problems_;
  size_t at_ = 0;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> lex(std::string_view text, const ParseOptions& options, Problems& problems) {
  if (text.size() > kExpressionBytesMax) {
    problems.add({options.expression, 0},
                 "the expression has " + std::to_string(text.size()) + " bytes",
                 "the limit is " + std::to_string(kExpressionBytesMax));
    return {{TokenKind::kBad, 0, ""}, {TokenKind::kEnd, 0, ""}};
  }
  const size_t invalid = first_invalid_utf8(text);
  if (invalid != std::string_view::npos) {
    problems.add({options.expression, static_cast<uint32_t>(invalid)},
                 "this byte is not valid UTF-8", "save the text as UTF-8");
    return {{TokenKind::kBad, 0, ""}, {TokenKind::kEnd, 0, ""}};
  }
  return Lexer(text, options, problems).run();
}

}  // namespace weir::graph
