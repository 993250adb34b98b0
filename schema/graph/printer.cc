#include <variant>
#include <vector>

#include "schema/graph/names.h"
#include "schema/graph/parser.h"

namespace weir::graph {
namespace {

std::string leaf_text(const Ast::Node& node) {
  switch (node.kind) {
    case Ast::Kind::kCommand:
      return quote_command(node.text);
    case Ast::Kind::kStdin:
      return "-";
    default:
      return node.text;
  }
}

}  // namespace

std::string print(const Ast& ast) {
  if (ast.nodes.empty()) return "";
  std::string out;
  // What is still to be written, last first: a piece of text, or a subtree.
  std::vector<std::variant<std::string_view, uint32_t>> work{ast.root()};
  while (!work.empty()) {
    const auto item = work.back();
    work.pop_back();
    if (const auto* text = std::get_if<std::string_view>(&item)) {
      out += *text;
      continue;
    }
    const Ast::Node& node = ast.nodes[std::get<uint32_t>(item)];
    if (!is_operator(node.kind)) {
      out += leaf_text(node);
      continue;
    }
    // Operators group to the left, so only the right side ever needs parentheses.
    const bool needs_parentheses = is_operator(ast.nodes[node.right].kind);
    if (needs_parentheses) work.emplace_back(std::string_view(")"));
    work.emplace_back(node.right);
    if (needs_parentheses) work.emplace_back(std::string_view("("));
    work.emplace_back(std::string_view(node.kind == Ast::Kind::kSequence ? " ; " : " || "));
    work.emplace_back(node.left);
  }
  return out;
}

}  // namespace weir::graph
