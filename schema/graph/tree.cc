#include "schema/graph/tree.h"

#include <utility>

#include "schema/graph/topology.h"

namespace weir::graph {
namespace {

struct Line {
  uint32_t node;
  std::string indent;  // What stands before " +--> ".
  bool is_root;
  bool is_last;  // Of its siblings.
};

}  // namespace

std::vector<TreeLine> tree_lines(const PipelineSpec& spec, const std::vector<uint32_t>& instances) {
  std::vector<std::vector<uint32_t>> readers(spec.nodes.size());
  for (const EdgeSpec& edge : spec.edges) readers[edge.from].push_back(edge.to);

  std::vector<TreeLine> out;
  std::vector<bool> is_shown(spec.nodes.size(), false);
  std::vector<Line> work;
  const std::vector<uint32_t> roots = sources(spec);
  for (auto root = roots.rbegin(); root != roots.rend(); ++root) {
    work.push_back({*root, "", true, false});
  }
  while (!work.empty()) {
    const Line line = std::move(work.back());
    work.pop_back();
    std::string text = line.is_root ? "" : line.indent + " +--> ";
    text += spec.nodes[line.node].name;
    if (line.node < instances.size() && instances[line.node] > 1) {
      text += " (x " + std::to_string(instances[line.node]) + ")";
    }
    const std::vector<uint32_t>& next = readers[line.node];
    const bool is_repeat = is_shown[line.node];
    if (is_repeat && !next.empty()) text += " (see above)";
    out.push_back({std::move(text), line.node, is_repeat});
    if (is_repeat) continue;
    is_shown[line.node] = true;
    std::string indent = line.indent;
    if (!line.is_root) indent += line.is_last ? "      " : " |    ";
    for (size_t i = next.size(); i > 0; --i) {
      work.push_back({next[i - 1], indent, false, i == next.size()});
    }
  }
  return out;
}

std::string render_tree(const PipelineSpec& spec, const std::vector<uint32_t>& instances) {
  std::string out;
  for (const TreeLine& line : tree_lines(spec, instances)) out += line.text + "\n";
  return out;
}

}  // namespace weir::graph
