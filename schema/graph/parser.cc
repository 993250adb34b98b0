#include "schema/graph/parser.h"

#include <utility>
#include <vector>

namespace weir::graph {
namespace {

class Parser {
 public:
  Parser(const ParseOptions& options, Problems& problems)
      : options_(options), problems_(problems) {}

  std::optional<Ast> run(const std::vector<Token>& tokens) {
    for (const Token& token : tokens) {
      if (!step(token)) return std::nullopt;
    }
    return std::move(ast_);
  }

 private:
  // What stands open: the whole expression, or one pair of parentheses.
  struct Frame {
    uint32_t open_offset = 0;
    std::optional<uint32_t> left;    // All that was read in this frame so far.
    std::optional<Token> operation;  // Read, and waiting for its right side.
  };

  // False: give up, the problem has been reported.
  bool step(const Token& token) {
    const bool was_bad = std::exchange(after_bad_, token.kind == TokenKind::kBad);
    switch (token.kind) {
      case TokenKind::kName:
        take_operand(token, Ast::Kind::kName, was_bad);
        return true;
      case TokenKind::kCommand:
        take_operand(token, Ast::Kind::kCommand, was_bad);
        return true;
      case TokenKind::kStdin:
        take_operand(token, Ast::Kind::kStdin, was_bad);
        return true;
      case TokenKind::kBad:
        if (wants_operand()) finish_operand(ast_.add_leaf(Ast::Kind::kName, "", token.offset));
        return true;
      case TokenKind::kSequence:
      case TokenKind::kParallel:
        take_operator(token);
        return true;
      case TokenKind::kOpen:
        return open(token, was_bad);
      case TokenKind::kClose:
        close(token);
        return true;
      case TokenKind::kEnd:
        finish(token);
        return true;
    }
    return false;
  }

  Frame& top() { return frames_.back(); }
  bool wants_operand() { return !top().left || top().operation; }

  void take_operand(const Token& token, Ast::Kind kind, bool was_bad) {
    ensure_operator(token, was_bad);
    finish_operand(ast_.add_leaf(kind, token.text, token.offset));
  }

  // Two operands in a row: says so, and goes on as if there had been a `;`.
  void ensure_operator(const Token& token, bool was_bad) {
    if (wants_operand()) return;
    if (!was_bad) {
      report(token.offset, "an operator is missing before " + describe(token),
             "put ';' (one after the other) or '||' (side by side) between two nodes");
    }
    top().operation = Token{TokenKind::kSequence, token.offset, ""};
  }

  void finish_operand(uint32_t operand) {
    Frame& frame = top();
    if (!frame.operation) {
      frame.left = operand;
      return;
    }
    const auto kind =
        frame.operation->kind == TokenKind::kSequence ? Ast::Kind::kSequence : Ast::Kind::kParallel;
    frame.left = ast_.add_operator(kind, *frame.left, operand, frame.operation->offset);
    frame.operation.reset();
  }

  void take_operator(const Token& token) {
    if (!wants_operand()) {
      top().operation = token;
      return;
    }
    const bool is_pair = top().operation.has_value();
    report(token.offset, "a node is missing before " + describe(token),
           is_pair ? "two operators stand side by side: keep one of them" : "");
    // A stand-in keeps the rest of the text readable.
    finish_operand(ast_.add_leaf(Ast::Kind::kName, "", token.offset));
    top().operation = token;
  }

  bool open(const Token& token, bool was_bad) {
    ensure_operator(token, was_bad);
    if (frames_.size() > kNestingMax) {
      report(token.offset, "parentheses are nested too deeply",
             "the limit is " + std::to_string(kNestingMax));
      return false;
    }
    frames_.push_back({token.offset, {}, {}});
    return true;
  }

  void close(const Token& token) {
    if (frames_.size() == 1) {
      report(token.offset, "')' without '('", "remove it, or open the parenthesis before");
      return;
    }
    if (wants_operand()) {
      if (top().left) {
        report(top().operation->offset, "a node is missing after " + describe(*top().operation));
      } else {
        report(top().open_offset, "the parentheses are empty");
      }
      finish_operand(ast_.add_leaf(Ast::Kind::kName, "", token.offset));
    }
    const uint32_t operand = *top().left;
    frames_.pop_back();
    finish_operand(operand);
  }

  void finish(const Token& token) {
    if (wants_operand()) {
      if (top().left) {
        report(top().operation->offset, "a node is missing after " + describe(*top().operation));
      } else if (frames_.size() == 1) {
        report(token.offset, "the expression is empty",
               options_.commands_only ? "for example: 'seq 10' ; 'wc -l'"
                                      : "for example: gen ; (print || count)");
      }
    }
    for (size_t i = frames_.size(); i > 1; --i) {
      report(frames_[i - 1].open_offset, "'(' is never closed", "add a ')'");
    }
  }

  static std::string describe(const Token& token) {
    switch (token.kind) {
      case TokenKind::kSequence:
        return "';'";
      case TokenKind::kParallel:
        return "'||'";
      case TokenKind::kOpen:
        return "'('";
      case TokenKind::kStdin:
        return "'-'";
      case TokenKind::kName:
        return "'" + token.text + "'";
      default:
        return "this command";
    }
  }

  void report(uint32_t offset, std::string message, std::string hint = "") {
    problems_.add({options_.expression, offset}, std::move(message), std::move(hint));
  }

  const ParseOptions& options_;
  Problems& problems_;
  Ast ast_;
  std::vector<Frame> frames_{Frame{}};
  bool after_bad_ = false;
};

}  // namespace

std::optional<Ast> parse(std::string_view text, const ParseOptions& options, Problems& problems) {
  Problems found;
  const std::vector<Token> tokens = lex(text, options, found);
  std::optional<Ast> ast = Parser(options, found).run(tokens);
  for (const Problem& problem : found.all()) {
    problems.add(problem.place, problem.message, problem.hint);
  }
  if (!found.empty()) return std::nullopt;
  return ast;
}

}  // namespace weir::graph
