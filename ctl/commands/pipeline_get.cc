#include "ctl/commands/pipeline_get.h"

#include <memory>
#include <ostream>

#include "ctl/base/exit_code.h"
#include "ctl/cli/session.h"
#include "ctl/output/format.h"
#include "ctl/output/graph_json.h"
#include "schema/config/pipeline_file.h"

namespace weir::ctl {
namespace {

struct Options {
  std::string name;
  std::string format;
};

int get(Program& program, Session& session, const Options& options) {
  const auto answer = session.ask<wire::PipelineSpecIs>(wire::PipelineGet{options.name});
  if (!answer) return session.fail(answer.error());
  std::ostream& out = program.streams().out;
  if (is_json(options.format)) {
    nlohmann::ordered_json json = graph_json(answer->spec);
    json["file"] = config::print_pipeline(answer->spec);
    out << to_text(json);
  } else {
    out << config::print_pipeline(answer->spec);
  }
  return kDone;
}

}  // namespace

void add_pipeline_get(Program& program) {
  auto options = std::make_shared<Options>();
  Command command = program.add_command(
      "pipeline get",
      {.summary = "print a stored pipeline as a pipeline file",
       .examples = "weirctl pipeline get simplepipe > simplepipe.toml\n"
                   "weirctl pipeline get simplepipe | weirctl tree -"},
      [&program, options] {
        return with_broker(program,
                           [&](Session& session) { return get(program, session, *options); });
      });
  command.argument({.names = "NAME", .help = "the pipeline", .is_required = true}, options->name);
  command.option({.names = "-o,--output-format",
                  .type = "FORMAT",
                  .help = "toml (a pipeline file) or json (its graph, and the file as a text)",
                  .choices = {"toml", "json"}},
                 options->format);
  program.add_broker_option(command);
}

}  // namespace weir::ctl
