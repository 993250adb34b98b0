#include "schema/graph/expression.h"
#include "schema/base/check.h"
#include "schema/graph/parser.h"
#include "schema/graph/topology.h"
#include "schema/graph/tree.h"
#include "test/fuzz/fuzz.h"

namespace weir::fuzz {

void fuzz_one(std::string_view data) {
  graph::Problems problems;
  const auto ast = graph::parse(data, {}, problems);
  WEIR_CHECK(ast.has_value() == problems.empty(), "a tree or problems");
  if (ast) {
    const std::string printed = graph::print(*ast);
    graph::Problems none;
    // Quoting may make a text longer than the limit.
    if (printed.size() <= graph::kExpressionBytesMax) {
      WEIR_CHECK(graph::parse(printed, {}, none) == ast, "what is printed reads back");
    }
  }
  const auto spec = graph::spec_from_expression(data);
  WEIR_CHECK(spec.value.has_value() == spec.diagnostics.empty(), "a pipeline or diagnostics");
  graph::render(spec.diagnostics);
  if (!spec) return;
  WEIR_CHECK(graph::check_topology(*spec.value).has_value(), "a pipeline is in order");
  graph::render_tree(*spec.value);
}

}  // namespace weir::fuzz
