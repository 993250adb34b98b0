// The tree of one dataflow expression, as data.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace weir::graph {

// Limits of one expression. Beyond them it is refused.
inline constexpr size_t kExpressionBytesMax = 256 * 1024;
inline constexpr size_t kNestingMax = 100;

// Nodes lie in one vector, children before parents, in the order of the text; the last is the root.
// So copying, comparing and destroying a tree needs no recursion, however deep it is.
struct Ast {
  enum class Kind : uint8_t { kName, kCommand, kStdin, kSequence, kParallel };

  struct Node {
    Kind kind = Kind::kName;
    uint32_t offset = 0;  // Where it stands in the text: of an operator, the operator itself.
    uint32_t left = 0;    // Operators: indices of the two sides.
    uint32_t right = 0;
    std::string text;  // The name, or the command without its quotes.

    // The same expression, wherever it stands.
    bool operator==(const Node& other) const {
      return kind == other.kind && left == other.left && right == other.right && text == other.text;
    }
  };

  std::vector<Node> nodes;

  uint32_t root() const { return static_cast<uint32_t>(nodes.size() - 1); }

  uint32_t add_leaf(Kind kind, std::string text, uint32_t offset = 0) {
    nodes.push_back({kind, offset, 0, 0, std::move(text)});
    return root();
  }
  // `right` must have been added after all of `left`.
  uint32_t add_operator(Kind kind, uint32_t left, uint32_t right, uint32_t offset = 0) {
    nodes.push_back({kind, offset, left, right, {}});
    return root();
  }

  bool operator==(const Ast&) const = default;
};

inline bool is_operator(Ast::Kind kind) {
  return kind == Ast::Kind::kSequence || kind == Ast::Kind::kParallel;
}

}  // namespace weir::graph
