#include "schema/graph/tree.h"

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

std::string render_tree(const PipelineSpec& spec, const std::vector<uint32_t>& instances) {
  std::vector<std::vector<uint32_t>> readers(spec.nodes.size());
  for (const EdgeSpec& edge : spec.edges) readers[edge.from].push_back(edge.to);

  std::string out;
  std::vector<bool> is_shown(spec.nodes.size(), false);
  std::vector<Line> work;
  const std::vector<uint32_t> roots = sources(spec);
  for (auto root = roots.rbegin(); root != roots.rend(); ++root) {
    work.push_back({*root, "", true, false});
  }
  while (!work.empty()) {
    const Line line = std::move(work.back());
    work.pop_back();
    out += line.is_root ? "" : line.indent + " +--> ";
    out += spec.nodes[line.node].name;
    if (line.node < instances.size() && instances[line.node] > 1) {
      out += " (x " + std::to_string(instances[line.node]) + ")";
    }
    const std::vector<uint32_t>& next = readers[line.node];
    const bool is_repeat = is_shown[line.node];
    out += is_repeat && !next.empty() ? " (see above)\n" : "\n";
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

}  // namespace weir::graph
