// The dataflow expression: text to tree.
//
//   expression = operand { (";" | "||") operand }     same priority, grouped to the left
//   operand    = name | quoted command | "-" | "(" expression ")"
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "schema/graph/ast.h"
#include "schema/graph/lexer.h"
#include "schema/graph/problem.h"

namespace weir::graph {

// The tree, or nothing if anything was wrong; then `problems` has grown by all that is wrong, not
// only by the first thing. No recursion; nesting is limited to kNestingMax.
std::optional<Ast> parse(std::string_view text, const ParseOptions& options, Problems& problems);

// The text with as few parentheses as will do: parse(print(ast)) == ast. An ast without nodes is
// "".
std::string print(const Ast& ast);

}  // namespace weir::graph
