// What a graph of ordinary programs gives by the shell's own means: each node runs on a file. The
// yardstick for `weirctl up` (equality with Unix).
//
//   command  'sort'          sequence  seq(a, b, ...)  a ; b ; ...        parallel  par(a, b, ...)
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "test/e2e/support/scene.h"

namespace weir::e2e {

struct Graph {
  enum class Kind { kCommand, kSequence, kParallel, kStdin };
  Kind kind = Kind::kCommand;
  std::string command;
  std::vector<Graph> parts;

  Graph(const char* text) : command(text) {}             // NOLINT(google-explicit-constructor)
  Graph(std::string text) : command(std::move(text)) {}  // NOLINT(google-explicit-constructor)
  Graph(Kind what, std::vector<Graph> of) : kind(what), parts(std::move(of)) {}
};

Graph seq(std::vector<Graph> parts);
Graph par(std::vector<Graph> parts);
// `-`, the caller's stdin.
Graph from_stdin();

// As `up -e` takes it.
std::string expression(const Graph& graph);

// What one sink has to give.
struct Expected {
  std::string node;
  std::string bytes;
  // False: several lanes meet before it, and only whole records can be compared, as a multiset.
  bool ordered = true;
};

inline constexpr const char* kCountRecords = "awk 'END {print NR}'";

// Runs every node of the graph in the scene's folder. Nodes behind a meeting of lanes must not
// depend on the order of records, unless their output does not show it (sort, wc -l,
// kCountRecords).
std::vector<Expected> run_by_shell(Scene& scene, const Graph& graph, const std::string& stdin_file);

// Empty if it is what was expected.
std::string compare(const Expected& expected, const std::string& actual);

}  // namespace weir::e2e
