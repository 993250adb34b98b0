// Trees to a graph: names become nodes, operators become edges; then the rules that only the whole
// graph can break.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "schema/graph/ast.h"
#include "schema/graph/pipeline.h"
#include "schema/graph/problem.h"

namespace weir::graph {

// Limits of one pipeline.
inline constexpr size_t kNodesMax = 1000;
inline constexpr size_t kEdgesMax = 10'000;

struct ResolveOptions {
  // The nodes that are declared elsewhere; a name that is not among them is unknown, and an inline
  // command is never named like one of them. Without a value every name is good.
  std::optional<std::set<std::string>> declared;
  bool allow_stdin = false;  // `-` may be an entry: only `weirctl up` has a caller.
};

struct ResolvedNode {
  enum class Kind : uint8_t { kNamed, kCommand, kStdin };
  Kind kind = Kind::kNamed;
  std::string name;     // Unique in the graph; "-" for the caller's stdin.
  std::string command;  // kCommand: what `sh -c` gets.
  Place place;          // First use.
};

struct ResolvedEdge {
  EdgeSpec edge;
  Place place;  // The operator that made it first.
};

struct ResolvedGraph {
  std::vector<ResolvedNode> nodes;  // In order of first use.
  std::vector<ResolvedEdge> edges;  // Sorted, each once.
  // The expressions with each inline command replaced by the name of its node.
  std::vector<std::string> dataflow;
  bool is_complete = true;  // False: a limit was reached, and the rest was left out.
};

// Unites the expressions. Unknown names are reported, each where it is first used; they become
// nodes all the same, so that validate() can find what else is wrong.
ResolvedGraph resolve(const std::vector<Ast>& expressions, const ResolveOptions& options,
                      Problems& problems);

// Reports cycles, and a `-` that is not an entry or that nobody reads.
void validate(const ResolvedGraph& graph, Problems& problems);

}  // namespace weir::graph
