#include "schema/graph/resolver.h"

#include <algorithm>
#include <map>
#include <utility>

#include "schema/graph/names.h"
#include "schema/graph/parser.h"
#include "schema/graph/suggest.h"

namespace weir::graph {
namespace {

using NodeList = std::vector<uint32_t>;

void sort_unique(NodeList& list) {
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
}

// What of a subtree is still open to its surroundings.
struct Ends {
  NodeList entries;
  NodeList exits;
};

class Resolver {
 public:
  Resolver(const std::vector<Ast>& expressions, const ResolveOptions& options, Problems& problems)
      : expressions_(expressions), options_(options), problems_(problems) {}

  ResolvedGraph run() {
    collect_names();
    for (uint32_t i = 0; i < expressions_.size() && !is_over_; ++i) resolve_one(i);
    for (const auto& [edge, place] : edges_) graph_.edges.push_back({edge, place});
    graph_.is_complete = !is_over_;
    return std::move(graph_);
  }

 private:
  // Names are known before the first inline command is named, whichever comes first in the text.
  void collect_names() {
    if (options_.declared) taken_ = *options_.declared;
    for (const Ast& ast : expressions_) {
      for (const Ast::Node& node : ast.nodes) {
        if (node.kind == Ast::Kind::kName) taken_.insert(node.text);
      }
    }
  }

  void resolve_one(uint32_t expression) {
    const Ast& ast = expressions_[expression];
    Ast named = ast;
    std::vector<Ends> ends(ast.nodes.size());
    for (size_t i = 0; i < ast.nodes.size() && !is_over_; ++i) {
      const Ast::Node& node = ast.nodes[i];
      const Place place{expression, node.offset};
      if (is_operator(node.kind)) {
        ends[i] = join(node.kind, std::move(ends[node.left]), std::move(ends[node.right]), place);
        continue;
      }
      const uint32_t index = node_for(node, place);
      ends[i] = {{index}, {index}};
      if (node.kind == Ast::Kind::kCommand) {
        named.nodes[i].kind = Ast::Kind::kName;
        named.nodes[i].text = graph_.nodes[index].name;
      }
    }
    graph_.dataflow.push_back(print(named));
  }

  Ends join(Ast::Kind kind, Ends left, Ends right, Place place) {
    if (kind == Ast::Kind::kParallel) {
      append(left.entries, std::move(right.entries));
      append(left.exits, std::move(right.exits));
      return left;
    }
    sort_unique(left.exits);
    sort_unique(right.entries);
    for (const uint32_t from : left.exits) {
      for (const uint32_t to : right.entries) add_edge({from, to}, place);
      if (is_over_) break;
    }
    return {std::move(left.entries), std::move(right.exits)};
  }

  // A long `a || b || c` must not cost the square of its length, so the longer list stays in place.
  static void append(NodeList& to, NodeList&& from) {
    if (to.size() < from.size()) std::swap(to, from);
    to.insert(to.end(), from.begin(), from.end());
    // Bounded by the number of nodes, however often a name is repeated.
    if (to.size() > 2 * kNodesMax) sort_unique(to);
  }

  void add_edge(EdgeSpec edge, Place place) {
    if (is_over_) return;
    edges_.try_emplace(edge, place);
    if (edges_.size() <= kEdgesMax) return;
    give_up(place, "the graph has more than " + std::to_string(kEdgesMax) + " edges");
  }

  uint32_t node_for(const Ast::Node& leaf, Place place) {
    if (leaf.kind == Ast::Kind::kCommand) {
      return add_node({ResolvedNode::Kind::kCommand, fresh_name(leaf.text), leaf.text, place});
    }
    const bool is_stdin = leaf.kind == Ast::Kind::kStdin;
    const std::string name = is_stdin ? "-" : leaf.text;
    const auto known = index_.find(name);
    if (known != index_.end()) return known->second;
    if (is_stdin && !options_.allow_stdin) {
      problems_.add(place, "'-' stands for the caller's stdin, and here is no caller",
                    "only 'weirctl up' knows it; use a node that reads a file or a socket");
    }
    if (!is_stdin) check_declared(name, place);
    const uint32_t index = add_node(
        {is_stdin ? ResolvedNode::Kind::kStdin : ResolvedNode::Kind::kNamed, name, "", place});
    index_.emplace(name, index);
    return index;
  }

  void check_declared(const std::string& name, Place place) {
    if (!options_.declared || options_.declared->count(name) > 0) return;
    const std::vector<std::string> names(options_.declared->begin(), options_.declared->end());
    std::string hint = did_you_mean(name, names);
    if (hint.empty()) hint = "declare it: [node." + name + "]";
    problems_.add(place, "unknown node '" + name + "'", std::move(hint));
  }

  uint32_t add_node(ResolvedNode node) {
    if (graph_.nodes.size() == kNodesMax) {
      give_up(node.place, "the graph has more than " + std::to_string(kNodesMax) + " nodes");
    }
    graph_.nodes.push_back(std::move(node));
    return static_cast<uint32_t>(graph_.nodes.size() - 1);
  }

  std::string fresh_name(const std::string& command) {
    std::string base = command_name(command);
    if (taken_.insert(base).second) return base;
    uint32_t& number = next_number_[base];
    if (number == 0) number = 2;
    while (true) {
      std::string name = base + "-" + std::to_string(number++);
      if (taken_.insert(name).second) return name;
    }
  }

  void give_up(Place place, std::string message) {
    if (!is_over_) problems_.add(place, std::move(message), "split the pipeline");
    is_over_ = true;
  }

  const std::vector<Ast>& expressions_;
  const ResolveOptions& options_;
  Problems& problems_;
  ResolvedGraph graph_;
  std::map<EdgeSpec, Place> edges_;
  std::map<std::string, uint32_t> index_;  // Named nodes and stdin.
  std::set<std::string> taken_;
  std::map<std::string, uint32_t> next_number_;
  bool is_over_ = false;  // A limit was reached and reported.
};

}  // namespace

ResolvedGraph resolve(const std::vector<Ast>& expressions, const ResolveOptions& options,
                      Problems& problems) {
  return Resolver(expressions, options, problems).run();
}

}  // namespace weir::graph
