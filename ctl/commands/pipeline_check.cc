#include "ctl/commands/pipeline_check.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "ctl/base/exit_code.h"
#include "ctl/cli/pipeline_input.h"
#include "ctl/cli/session.h"
#include "ctl/cluster/needs.h"
#include "ctl/output/format.h"
#include "ctl/output/units.h"

namespace weir::ctl {
namespace {

struct Options {
  PipelineInput input;
  std::string format;
  bool is_for_up = false;
  bool allow_unknown_actions = false;
};

int print(Program& program, const Options& options,
          const graph::Checked<graph::PipelineSpec>& checked) {
  Streams& streams = program.streams();
  if (is_json(options.format)) {
    streams.out << to_text(to_json(checked ? checked.warnings : checked.diagnostics));
  } else if (checked) {
    streams.err << graph::render(checked.warnings);
    const graph::PipelineSpec& spec = *checked.value;
    streams.out << input_name(options.input) << ": pipeline '" << spec.name
                << "' is good: " << counted(spec.nodes.size(), "node") << ", "
                << counted(spec.edges.size(), "edge") << "\n";
  } else {
    streams.err << graph::render(checked.diagnostics);
  }
  return checked ? kDone : kFailed;
}

int check(Program& program, const Options& options) {
  const bool offline = !program.is_broker_named();
  std::string text;
  auto loaded = load_pipeline(options.input,
                              {.allow_stdin = options.is_for_up,
                               .allow_unknown_actions = options.allow_unknown_actions || !offline},
                              program.streams().in, &text);
  if (!loaded) {
    if (loaded.error().code == ErrorCode::kInvalid) return program.fail_usage(loaded.error().what);
    return program.fail(loaded.error());
  }
  if (offline || !*loaded) return print(program, options, *loaded);
  return with_broker(program, [&](Session& session) {
    const auto cluster = session.ask<wire::BrokerStatus>(wire::BrokerStatusRequest{});
    if (!cluster) return session.fail(cluster.error());
    const auto actions = session.ask<wire::ActionListIs>(wire::ActionList{});
    if (!actions) return session.fail(actions.error());
    loaded->diagnostics = check_against_cluster({input_name(options.input), text}, *loaded->value,
                                                cluster->agents, actions->versions);
    if (!loaded->diagnostics.empty()) loaded->value.reset();
    return print(program, options, *loaded);
  });
}

}  // namespace

void add_pipeline_check(Program& program) {
  auto options = std::make_shared<Options>();
  Command command =
      program.add_command("pipeline check",
                          {.summary = "say all that is wrong with a pipeline",
                           .examples = "weirctl pipeline check pipeline.toml\n"
                                       "weirctl pipeline check - < pipeline.toml\n"
                                       "weirctl pipeline check -o json pipeline.toml\n"
                                       "weirctl pipeline check --broker pipeline.toml\n"
                                       "weirctl pipeline check -e \"'seq 10' ; 'wc -l'\""},
                          [&program, options] { return check(program, *options); });
  add_pipeline_input(command, options->input);
  add_format_option(command, options->format);
  command.flag(
      {.names = "--up", .help = "check for 'weirctl up', where - is the caller's standard input"},
      options->is_for_up);
  command.flag({.names = "--allow-unknown-actions",
                .help = "let nodes name actions that the file does not declare"},
               options->allow_unknown_actions);
  program.add_broker_flag(command, "ask the broker for hosts and actions too");
}

}  // namespace weir::ctl
