// Random expressions for property tests, from a seed.
#pragma once

#include <cstdint>
#include <random>
#include <string>

#include "schema/graph/ast.h"

namespace weir::test {

// A valid syntax tree of 1 to `leaves_max` leaves, in the order that the parser makes.
class AstGenerator {
 public:
  explicit AstGenerator(uint64_t seed) : random_(seed) {}

  graph::Ast make(uint32_t leaves_max, bool commands_only = false) {
    graph::Ast ast;
    commands_only_ = commands_only;
    grow(ast, 1 + below(leaves_max));
    return ast;
  }

  uint32_t below(uint32_t bound) {
    return std::uniform_int_distribution<uint32_t>(0, bound - 1)(random_);
  }

 private:
  uint32_t grow(graph::Ast& ast, uint32_t leaves) {
    using Kind = graph::Ast::Kind;
    if (leaves == 1) return add_leaf(ast);
    const uint32_t left_leaves = 1 + below(leaves - 1);
    const uint32_t left = grow(ast, left_leaves);
    const uint32_t right = grow(ast, leaves - left_leaves);
    return ast.add_operator(below(2) == 0 ? Kind::kSequence : Kind::kParallel, left, right);
  }

  uint32_t add_leaf(graph::Ast& ast) {
    using Kind = graph::Ast::Kind;
    const uint32_t kind = below(10);
    if (!commands_only_ && kind == 0) return ast.add_leaf(Kind::kStdin, "");
    if (!commands_only_ && kind < 7) return ast.add_leaf(Kind::kName, name());
    return ast.add_leaf(Kind::kCommand, command());
  }

  std::string name() {
    constexpr std::string_view kFirst = "abcxyzABCXYZ_";
    constexpr std::string_view kRest = "abcxyzABC_-0123456789";
    std::string text(1, kFirst[below(kFirst.size())]);
    for (uint32_t i = below(6); i > 0; --i) text += kRest[below(kRest.size())];
    return text;
  }

  // Full of what quoting has to survive.
  std::string command() {
    constexpr std::string_view kPieces[] = {"grep", " ",  "'",  "\"", "\\", "|",   ";",  "(",
                                            ")",    "\n", "\t", "ä",  "x",  "\\'", "$1", "-"};
    std::string text = "c";
    for (uint32_t i = below(8); i > 0; --i) text += kPieces[below(std::size(kPieces))];
    return text;
  }

  std::mt19937_64 random_;
  bool commands_only_ = false;
};

}  // namespace weir::test
