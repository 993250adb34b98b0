#include "schema/config/pipeline_file.h"
#include "schema/base/check.h"
#include "schema/graph/topology.h"
#include "test/fuzz/fuzz.h"

namespace weir::fuzz {

void fuzz_one(std::string_view data) {
  const config::PipelineFileOptions lenient{.allow_stdin = true, .allow_unknown_actions = true};
  const auto strict = config::read_pipeline({"fuzz", data}, {});
  WEIR_CHECK(strict.value.has_value() == strict.diagnostics.empty(), "a pipeline or diagnostics");
  graph::render(strict.diagnostics);
  const auto spec = config::read_pipeline({"fuzz", data}, lenient);
  graph::render(spec.diagnostics);
  if (!spec) return;
  WEIR_CHECK(graph::check_topology(*spec.value).has_value(), "a pipeline is in order");
  const std::string printed = config::print_pipeline(*spec.value);
  const auto again = config::read_pipeline({"printed", printed}, lenient);
  WEIR_CHECK(again.value == spec.value, "what is printed reads back: " + printed);
}

}  // namespace weir::fuzz
