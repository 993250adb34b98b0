#include <algorithm>

#include "schema/graph/resolver.h"

namespace weir::graph {
namespace {

// Walks the graph depth first without recursion; an edge back to a node on the path is a cycle.
class CycleFinder {
 public:
  CycleFinder(const ResolvedGraph& graph, Problems& problems)
      : graph_(graph), problems_(problems), marks_(graph.nodes.size(), Mark::kNew) {
    // Edges are sorted by their source, so those of one node are a range.
    first_edge_.resize(graph.nodes.size() + 1);
    for (const ResolvedEdge& edge : graph.edges) ++first_edge_[edge.edge.from + 1];
    for (size_t i = 1; i < first_edge_.size(); ++i) first_edge_[i] += first_edge_[i - 1];
  }

  void run() {
    for (uint32_t node = 0; node < graph_.nodes.size(); ++node) {
      if (marks_[node] == Mark::kNew) walk(node);
    }
  }

 private:
  enum class Mark : uint8_t { kNew, kOnPath, kDone };
  struct Step {
    uint32_t node;
    size_t next_edge;
  };

  void walk(uint32_t start) {
    enter(start);
    while (!path_.empty()) {
      Step& step = path_.back();
      if (step.next_edge == first_edge_[step.node + 1]) {
        marks_[step.node] = Mark::kDone;
        path_.pop_back();
        continue;
      }
      const ResolvedEdge& edge = graph_.edges[step.next_edge++];
      if (marks_[edge.edge.to] == Mark::kNew) {
        enter(edge.edge.to);
      } else if (marks_[edge.edge.to] == Mark::kOnPath) {
        report(edge);
      }
    }
  }

  void enter(uint32_t node) {
    marks_[node] = Mark::kOnPath;
    path_.push_back({node, first_edge_[node]});
  }

  void report(const ResolvedEdge& closing) {
    constexpr size_t kShown = 10;
    auto at = std::find_if(path_.begin(), path_.end(),
                           [&](const Step& step) { return step.node == closing.edge.to; });
    std::string cycle;
    for (size_t shown = 0; at != path_.end(); ++at, ++shown) {
      if (shown == kShown) {
        cycle += "... ; ";
        at = path_.end() - 1;
      }
      cycle += graph_.nodes[at->node].name + " ; ";
    }
    cycle += graph_.nodes[closing.edge.to].name;
    problems_.add(closing.place, "the graph has a cycle: " + cycle,
                  "a name used more than once is the same node each time");
  }

  const ResolvedGraph& graph_;
  Problems& problems_;
  std::vector<Mark> marks_;
  std::vector<size_t> first_edge_;
  std::vector<Step> path_;
};

void check_stdin(const ResolvedGraph& graph, Problems& problems) {
  for (uint32_t node = 0; node < graph.nodes.size(); ++node) {
    if (graph.nodes[node].kind != ResolvedNode::Kind::kStdin) continue;
    bool is_read = false;
    for (const ResolvedEdge& edge : graph.edges) {
      is_read = is_read || edge.edge.from == node;
      if (edge.edge.to == node) {
        problems.add(edge.place, "'-' is the caller's stdin and takes no input",
                     "'-' stands only at the beginning: - ; ...");
        return;
      }
    }
    if (!is_read) {
      problems.add(graph.nodes[node].place, "nobody reads '-'", "add a node: - ; ...");
    }
  }
}

}  // namespace

void validate(const ResolvedGraph& graph, Problems& problems) {
  CycleFinder(graph, problems).run();
  check_stdin(graph, problems);
}

}  // namespace weir::graph
