#include "ctl/commands/pipeline_check.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "ctl/exit_code.h"
#include "ctl/output/format.h"
#include "ctl/pipeline_input.h"

namespace weir::ctl {
namespace {

struct Options {
  PipelineInput input;
  std::string format;
  bool is_for_up = false;
  bool allow_unknown_actions = false;
};

std::string counted(size_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

int check(Program& program, const Options& options) {
  Streams& streams = program.streams();
  const auto loaded = load_pipeline(
      options.input,
      {.allow_stdin = options.is_for_up, .allow_unknown_actions = options.allow_unknown_actions},
      streams.in);
  if (!loaded) {
    if (loaded.error().code == ErrorCode::kInvalid) return program.fail_usage(loaded.error().what);
    return program.fail(loaded.error());
  }
  if (is_json(options.format)) {
    streams.out << to_text(to_json(loaded->diagnostics));
  } else if (*loaded) {
    const graph::PipelineSpec& spec = *loaded->value;
    streams.out << input_name(options.input) << ": pipeline '" << spec.name
                << "' is good: " << counted(spec.nodes.size(), "node") << ", "
                << counted(spec.edges.size(), "edge") << "\n";
  } else {
    streams.err << graph::render(loaded->diagnostics);
  }
  return *loaded ? kDone : kFailed;
}

}  // namespace

void add_pipeline_check(Program& program) {
  auto options = std::make_shared<Options>();
  CLI::App* const command =
      program.add_command("pipeline check",
                          {.summary = "say all that is wrong with a pipeline, without a broker",
                           .examples = "weirctl pipeline check pipeline.toml\n"
                                       "weirctl pipeline check - < pipeline.toml\n"
                                       "weirctl pipeline check -o json pipeline.toml\n"
                                       "weirctl pipeline check -e \"'seq 10' ; 'wc -l'\""},
                          [&program, options] { return check(program, *options); });
  add_pipeline_input(*command, options->input);
  add_format_option(*command, options->format);
  command->add_flag("--up", options->is_for_up,
                    "check for 'weirctl up', where - is the caller's standard input");
  command->add_flag("--allow-unknown-actions", options->allow_unknown_actions,
                    "let nodes name actions that the file does not declare");
}

}  // namespace weir::ctl
