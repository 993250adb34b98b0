#include "ctl/commands/tree.h"

#include <memory>
#include <ostream>

#include "ctl/exit_code.h"
#include "ctl/output/format.h"
#include "ctl/output/graph_json.h"
#include "ctl/pipeline_input.h"
#include "schema/graph/tree.h"

namespace weir::ctl {
namespace {

struct Options {
  PipelineInput input;
  std::string format;
};

int show_tree(Program& program, const Options& options) {
  Streams& streams = program.streams();
  // To look at a graph, it need not be one that could run here.
  const auto loaded = load_pipeline(
      options.input, {.allow_stdin = true, .allow_unknown_actions = true}, streams.in);
  if (!loaded) {
    if (loaded.error().code == ErrorCode::kInvalid) return program.fail_usage(loaded.error().what);
    return program.fail(loaded.error());
  }
  if (!*loaded) {
    streams.err << graph::render(loaded->diagnostics);
    return kFailed;
  }
  const graph::PipelineSpec& spec = *loaded->value;
  streams.out << (is_json(options.format) ? to_text(graph_json(spec)) : graph::render_tree(spec));
  return kDone;
}

}  // namespace

void add_tree(Program& program) {
  auto options = std::make_shared<Options>();
  CLI::App* const command = program.add_command(
      "tree",
      {.summary = "show the graph of a pipeline as a tree",
       .examples = "weirctl tree pipeline.toml\n"
                   "weirctl tree -e \"'seq 10' ; ('grep 1' || 'grep 2') ; 'wc -l'\""},
      [&program, options] { return show_tree(program, *options); });
  add_pipeline_input(*command, options->input);
  add_format_option(*command, options->format);
}

}  // namespace weir::ctl
