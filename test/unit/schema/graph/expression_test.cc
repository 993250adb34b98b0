#include "schema/graph/expression.h"

#include <gtest/gtest.h>

#include "schema/graph/topology.h"
#include "schema/graph/tree.h"
#include "test/unit/schema/graph/generate.h"

namespace weir::graph {
namespace {

PipelineSpec spec_of(std::string_view text) {
  auto checked = spec_from_expression(text);
  EXPECT_TRUE(checked) << render(checked.diagnostics);
  return checked ? *checked.value : PipelineSpec{};
}

TEST(Expression, MakesAPipeline) {
  const PipelineSpec spec = spec_of("'seq 1 1000' ; 'grep 7' ; 'wc -l'");
  EXPECT_EQ(spec.name, "up");
  EXPECT_EQ(spec.dataflow, std::vector<std::string>{"seq ; grep ; wc"});
  ASSERT_EQ(spec.nodes.size(), 3u);
  EXPECT_EQ(spec.nodes[0].name, "seq");
  EXPECT_EQ(spec.nodes[0].run, "seq 1 1000");
  EXPECT_TRUE(spec.nodes[0].rerun);
  EXPECT_EQ(spec.nodes[0].durability, Durability::kDisk);
  EXPECT_EQ(spec.nodes[1].run, "grep 7");
  EXPECT_FALSE(spec.nodes[1].rerun);
  EXPECT_EQ(spec.nodes[1].unit, Unit::kStream);
  EXPECT_EQ(spec.nodes[1].durability, Durability::kProcess);
  EXPECT_EQ(spec.nodes[2].durability, Durability::kDisk);
  for (const NodeSpec& node : spec.nodes) {
    ASSERT_EQ(node.accept.size(), 126u);
    EXPECT_EQ(node.accept.front(), 0);
    EXPECT_EQ(node.accept.back(), 125);
    EXPECT_EQ(node.stall_timeout.count(), 0);
  }
  EXPECT_EQ(spec.edges, (std::vector<EdgeSpec>{{0, 1}, {1, 2}}));
  EXPECT_TRUE(check_topology(spec));
}

TEST(Expression, UnitesSeveral) {
  const auto both = spec_from_expressions({"'seq 3' ; 'wc -l'", "'seq 4' ; 'wc -c'"});
  ASSERT_TRUE(both) << render(both.diagnostics);
  EXPECT_EQ(both.value->dataflow, (std::vector<std::string>{"seq ; wc", "seq-2 ; wc-2"}));
  EXPECT_EQ(both.value->edges, (std::vector<EdgeSpec>{{0, 1}, {2, 3}}));
  EXPECT_TRUE(check_topology(*both.value));
  EXPECT_EQ(render(spec_from_expressions({"'seq 3'", "'a' ; ; 'b'", "'a' ;"}).diagnostics),
            render(spec_from_expression("'a' ; ; 'b'").diagnostics) +
                render(spec_from_expression("'a' ;").diagnostics));
}

TEST(Expression, KnowsTheCaller) {
  const PipelineSpec spec = spec_of("- ; 'wc -l'");
  ASSERT_EQ(spec.nodes.size(), 2u);
  EXPECT_EQ(spec.nodes[0].name, "-");
  EXPECT_TRUE(spec.nodes[0].caller_stdin);
  EXPECT_EQ(spec.nodes[0].run, "");
  EXPECT_EQ(spec.nodes[0].durability, Durability::kDisk);
  EXPECT_TRUE(check_topology(spec));
}

TEST(Expression, SaysWhatIsWrong) {
  EXPECT_EQ(render(spec_from_expression("seq 3 ; 'wc -l'").diagnostics),
            "-e:1:1: error: 'seq 3' is not in quotes\nseq 3 ; 'wc -l'\n^\n"
            "hint: every node is a command in quotes: 'seq 3'\n");
  EXPECT_EQ(render(spec_from_expression("'a' ; -").diagnostics),
            "-e:1:5: error: '-' is the caller's stdin and takes no input\n'a' ; -\n    ^\n"
            "hint: '-' stands only at the beginning: - ; ...\n");
}

TEST(Topology, AnswersWhoReadsWhom) {
  const PipelineSpec spec = spec_of("'a' ; ('b' || ('c' ; 'd')) ; 'e' || 'f'");
  const auto node = [&](std::string_view name) { return find_node(spec, name).value(); };
  EXPECT_EQ(inputs_of(spec, node("e")), (std::vector<uint32_t>{node("b"), node("d")}));
  EXPECT_EQ(outputs_of(spec, node("a")), (std::vector<uint32_t>{node("b"), node("c")}));
  EXPECT_EQ(sources(spec), (std::vector<uint32_t>{node("a"), node("f")}));
  EXPECT_EQ(sinks(spec), (std::vector<uint32_t>{node("e"), node("f")}));
  EXPECT_TRUE(is_source(spec, node("a")));
  EXPECT_FALSE(is_sink(spec, node("a")));
  EXPECT_EQ(topological_order(spec), (std::vector<uint32_t>{0, 1, 2, 3, 4, 5}));
  EXPECT_FALSE(find_node(spec, "z"));
}

TEST(Topology, RefusesWhatCannotBe) {
  const PipelineSpec good = spec_of("'a' ; 'b' ; 'c'");
  EXPECT_TRUE(check_topology(good));
  const auto wrong = [&](auto change) {
    PipelineSpec spec = good;
    change(spec);
    return !check_topology(spec).has_value();
  };
  EXPECT_TRUE(wrong([](auto& s) { s.name = "Up"; }));
  EXPECT_TRUE(wrong([](auto& s) { s.nodes[1].name = "a"; }));
  EXPECT_TRUE(wrong([](auto& s) { s.nodes[1].name = "a b"; }));
  EXPECT_TRUE(wrong([](auto& s) { s.nodes[1].run = ""; }));
  EXPECT_TRUE(wrong([](auto& s) { s.nodes[1].action = "x"; }));
  EXPECT_TRUE(wrong([](auto& s) { s.nodes[1].caller_stdin = true; }));
  EXPECT_TRUE(wrong([](auto& s) { s.edges.push_back({2, 0}); }));
  EXPECT_TRUE(wrong([](auto& s) { s.edges.push_back({2, 3}); }));
  EXPECT_TRUE(wrong([](auto& s) { s.edges = {{1, 2}, {0, 1}}; }));
  EXPECT_TRUE(wrong([](auto& s) { s.edges = {{0, 1}, {0, 1}}; }));
  EXPECT_TRUE(wrong([](auto& s) { s.edges = {}, s.nodes = {}; }));
}

TEST(Topology, OrderPutsInputsFirst) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    test::AstGenerator generator(seed);
    PipelineSpec spec;
    spec.nodes.resize(2 + generator.below(20));
    // Edges from a random order of the nodes, so that indices say nothing.
    std::vector<uint32_t> rank(spec.nodes.size());
    for (uint32_t i = 0; i < rank.size(); ++i) rank[i] = i;
    for (uint32_t i = 1; i < rank.size(); ++i) std::swap(rank[i], rank[generator.below(i + 1)]);
    for (uint32_t from = 0; from < rank.size(); ++from) {
      for (uint32_t to = from + 1; to < rank.size(); ++to) {
        if (generator.below(4) == 0) spec.edges.push_back({rank[from], rank[to]});
      }
    }
    const std::vector<uint32_t> order = topological_order(spec);
    ASSERT_EQ(order.size(), spec.nodes.size()) << "seed " << seed;
    std::vector<size_t> place(order.size());
    for (size_t i = 0; i < order.size(); ++i) place[order[i]] = i;
    for (const EdgeSpec& edge : spec.edges) {
      ASSERT_LT(place[edge.from], place[edge.to]) << "seed " << seed;
    }
  }
}

TEST(Tree, IsDrawnWithRepeatsNamed) {
  EXPECT_EQ(render_tree(spec_of("'numgen' ; 'even' ; ('print' || 'count')"), {1, 4, 1, 1}),
            "numgen\n"
            " +--> even (x 4)\n"
            "       +--> print\n"
            "       +--> count\n");
  EXPECT_EQ(render_tree(spec_of("('a' || 'b') ; (('c' ; 'd') || 'e') ; 'f' ; 'g'")),
            "a\n"
            " +--> c\n"
            " |     +--> d\n"
            " |           +--> f\n"
            " |                 +--> g\n"
            " +--> e\n"
            "       +--> f (see above)\n"
            "b\n"
            " +--> c (see above)\n"
            " +--> e (see above)\n");
}

TEST(Tree, ManyPathsAreNotExpanded) {
  std::string text = "'s'";
  for (int i = 0; i < 60; ++i) text += " ; ('a' || 'b')";
  EXPECT_LT(render_tree(spec_of(text)).size(), 200'000u);
}

}  // namespace
}  // namespace weir::graph
