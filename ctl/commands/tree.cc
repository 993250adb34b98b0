#include "ctl/commands/tree.h"

#include <memory>
#include <ostream>

#include "ctl/base/exit_code.h"
#include "ctl/cli/pipeline_input.h"
#include "ctl/cli/session.h"
#include "ctl/output/format.h"
#include "ctl/output/graph_json.h"
#include "ctl/output/live_tree.h"
#include "schema/graph/names.h"
#include "schema/graph/tree.h"

namespace weir::ctl {
namespace {

struct Options {
  PipelineInput input;
  std::string live;
  std::string format;
};

int show_file(Program& program, const Options& options) {
  Streams& streams = program.streams();
  // To look at a graph, it need not be one that could run here.
  const auto loaded = load_pipeline(
      options.input, {.allow_stdin = true, .allow_unknown_actions = true}, streams.in);
  if (!loaded) {
    if (loaded.error().code == ErrorCode::kInvalid) return program.fail_usage(loaded.error().what);
    const int code = program.fail(loaded.error());
    if (code == kNotFound && graph::is_pipeline_name(options.input.file)) {
      streams.err << "hint: 'weirctl tree --live " << options.input.file
                  << "' shows a pipeline that the broker has\n";
    }
    return code;
  }
  if (!*loaded) {
    streams.err << graph::render(loaded->diagnostics);
    return kFailed;
  }
  const graph::PipelineSpec& spec = *loaded->value;
  streams.out << (is_json(options.format) ? to_text(graph_json(spec)) : graph::render_tree(spec));
  return kDone;
}

int show_live(Program& program, Session& session, const Options& options) {
  const auto spec = session.ask<wire::PipelineSpecIs>(wire::PipelineGet{options.live});
  if (!spec) return session.fail(spec.error());
  const auto status = session.ask<wire::PipelineStatus>(wire::PipelineStatusRequest{options.live});
  if (!status) return session.fail(status.error());
  program.streams().out << (is_json(options.format) ? to_text(live_tree_json(spec->spec, *status))
                                                    : live_tree(spec->spec, *status));
  return kDone;
}

int show_tree(Program& program, const Options& options) {
  if (options.live.empty()) {
    if (program.is_broker_named()) return program.fail_usage("--broker goes with --live NAME");
    return show_file(program, options);
  }
  if (options.input.has_expression || !options.input.file.empty()) {
    return program.fail_usage("two pipelines given: --live names one that the broker has");
  }
  return with_broker(program,
                     [&](Session& session) { return show_live(program, session, options); });
}

}  // namespace

void add_tree(Program& program) {
  auto options = std::make_shared<Options>();
  Command command = program.add_command(
      "tree",
      {.summary = "show the graph of a pipeline as a tree",
       .examples = "weirctl tree pipeline.toml\n"
                   "weirctl tree --live simplepipe\n"
                   "weirctl tree -e \"'seq 10' ; ('grep 1' || 'grep 2') ; 'wc -l'\""},
      [&program, options] { return show_tree(program, *options); });
  add_pipeline_input(command, options->input);
  command.option({.names = "--live",
                  .type = "NAME",
                  .help = "a pipeline that the broker has, with states and rates beside its nodes"},
                 options->live);
  add_format_option(command, options->format);
  program.add_broker_option(command);
}

}  // namespace weir::ctl
