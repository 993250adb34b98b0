#include "schema/graph/resolver.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "schema/graph/parser.h"

namespace weir::graph {
namespace {

struct Outcome {
  ResolvedGraph graph;
  std::string edges;   // "a>b a>c", sorted by name.
  std::string errors;  // "EXPRESSION:OFFSET MESSAGE" lines.
};

Outcome run(const std::vector<std::string>& texts, const ResolveOptions& options = {}) {
  Problems problems;
  std::vector<Ast> asts;
  for (uint32_t i = 0; i < texts.size(); ++i) {
    auto ast = parse(texts[i], {.expression = i}, problems);
    EXPECT_TRUE(ast) << texts[i];
    if (ast) asts.push_back(*ast);
  }
  Outcome outcome;
  outcome.graph = resolve(asts, options, problems);
  validate(outcome.graph, problems);
  std::vector<std::string> edges;
  for (const ResolvedEdge& edge : outcome.graph.edges) {
    edges.push_back(outcome.graph.nodes[edge.edge.from].name + ">" +
                    outcome.graph.nodes[edge.edge.to].name);
  }
  std::sort(edges.begin(), edges.end());
  for (const std::string& edge : edges) outcome.edges += (outcome.edges.empty() ? "" : " ") + edge;
  for (const Problem& problem : problems.all()) {
    outcome.errors += std::to_string(problem.place.expression) + ":" +
                      std::to_string(problem.place.offset) + " " + problem.message + "\n";
  }
  return outcome;
}

std::string names(const ResolvedGraph& graph) {
  std::string all;
  for (const ResolvedNode& node : graph.nodes) all += (all.empty() ? "" : " ") + node.name;
  return all;
}

TEST(Resolver, ConnectsAllExitsToAllEntries) {
  const struct {
    std::vector<std::string> texts;
    std::string_view edges;
  } kCases[] = {
      // GoStreaming's algebra.
      {{"a"}, ""},
      {{"a ; b"}, "a>b"},
      {{"a ; b ; c"}, "a>b b>c"},
      {{"a || b"}, ""},
      {{"a ; (b || c)"}, "a>b a>c"},
      {{"(a || b) ; c"}, "a>c b>c"},
      {{"(a || b) ; (c || d)"}, "a>c a>d b>c b>d"},
      {{"a ; b || c ; d"}, "a>b b>d c>d"},
      {{"numgen ; filter2 ; (printer2 || (filter3 ; printer6))"},
       "filter2>filter3 filter2>printer2 filter3>printer6 numgen>filter2"},
      {{"a ; ((b ; c) || (d ; e)) ; f"}, "a>b a>d b>c c>f d>e e>f"},
      {{"a ; (b || (c ; (d || e))) ; f"}, "a>b a>c b>f c>d c>e d>f e>f"},
      // A name used more than once is the same node; expressions are united.
      {{"a ; b || (a ; c)"}, "a>b a>c"},
      {{"a ; b", "a ; b", "b ; c"}, "a>b b>c"},
      {{"a ; (b || c)", "b ; d", "c ; d", "a ; d"}, "a>b a>c a>d b>d c>d"},
      {{"(a || a) ; (b || b)"}, "a>b"},
  };
  for (const auto& c : kCases) {
    const Outcome outcome = run(c.texts);
    EXPECT_EQ(outcome.edges, c.edges) << c.texts[0];
    EXPECT_EQ(outcome.errors, "") << c.texts[0];
  }
}

TEST(Resolver, NamesInlineCommands) {
  EXPECT_EQ(names(run({"'seq 10' ; 'grep 1' ; \"/usr/bin/grep 2\" ; 'wc'"}).graph),
            "seq grep grep-2 wc");
  // Never like a named node, whether it comes before or after, here or in another expression.
  EXPECT_EQ(names(run({"'grep 1' ; grep", "grep-2 ; 'grep 2'"}).graph),
            "grep-3 grep grep-2 grep-4");
  ResolveOptions options;
  options.declared = std::set<std::string>{"seq"};
  EXPECT_EQ(names(run({"'seq 10'"}, options).graph), "seq-2");
  EXPECT_EQ(names(run({"'1/2x' ; '[ a ]' ; 'A=1 B= ./to-csv.sh x' ; '(cd x)'"}).graph),
            "_2x command to-csv-sh command-2");
  // Each quoted string is a node of its own.
  EXPECT_EQ(run({"'cat' ; 'cat'"}).edges, "cat>cat-2");
}

TEST(Resolver, DataflowIsInPlainForm) {
  const Outcome outcome = run({"'seq 10' ;  (a||'grep 1')", "((a)) ; 'wc'"});
  EXPECT_EQ(outcome.graph.dataflow, (std::vector<std::string>{"seq ; (a || grep)", "a ; wc"}));
}

TEST(Resolver, SaysWhatIsWrong) {
  ResolveOptions declared;
  declared.declared = std::set<std::string>{"even", "gen"};
  declared.allow_stdin = true;
  ResolveOptions caller;
  caller.allow_stdin = true;
  const struct {
    std::vector<std::string> texts;
    ResolveOptions options;
    std::string_view errors;
  } kCases[] = {
      {{"gen ; evne ; evne"},
       declared,
       "0:6 unknown node 'evne'\n0:11 the graph has a cycle: evne ; evne\n"},
      {{"a ; a"}, {}, "0:2 the graph has a cycle: a ; a\n"},
      {{"a ; b ; c", "c ; b"}, {}, "1:2 the graph has a cycle: b ; c ; b\n"},
      {{"- ; a"}, {}, "0:0 '-' stands for the caller's stdin, and here is no caller\n"},
      {{"- ; a ; (b || -)"},
       caller,
       "0:6 the graph has a cycle: - ; a ; -\n"
       "0:6 '-' is the caller's stdin and takes no input\n"},
      {{"a ; -"}, caller, "0:2 '-' is the caller's stdin and takes no input\n"},
      {{"- || a"}, caller, "0:0 nobody reads '-'\n"},
      {{"- ; (a || b)", "- ; c"}, caller, ""},
  };
  for (const auto& c : kCases) EXPECT_EQ(run(c.texts, c.options).errors, c.errors) << c.texts[0];
}

TEST(Resolver, RefusesWhatIsOverItsLimits) {
  const auto many = [](const std::string& prefix, size_t count) {
    std::string text = prefix + "0";
    for (size_t i = 1; i < count; ++i) text += " || " + prefix + std::to_string(i);
    return "(" + text + ")";
  };
  EXPECT_EQ(run({many("a", kNodesMax)}).errors, "");
  const Outcome nodes = run({many("a", kNodesMax + 1)});
  EXPECT_NE(nodes.errors.find("more than 1000 nodes"), std::string::npos);
  EXPECT_FALSE(nodes.graph.is_complete);
  const Outcome edges = run({many("a", 101) + " ; " + many("b", 100)});
  EXPECT_NE(edges.errors.find("more than 10000 edges"), std::string::npos);
  EXPECT_EQ(run({many("a", 100) + " ; " + many("b", 100)}).errors, "");
}

}  // namespace
}  // namespace weir::graph
