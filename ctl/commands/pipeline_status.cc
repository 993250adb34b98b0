#include "ctl/commands/pipeline_status.h"

#include <memory>
#include <ostream>

#include "ctl/base/exit_code.h"
#include "ctl/cli/session.h"
#include "ctl/output/format.h"
#include "ctl/output/status_json.h"
#include "ctl/output/status_text.h"

namespace weir::ctl {
namespace {

struct Options {
  std::string name;
  std::string format;
};

int show(Program& program, Session& session, const Options& options) {
  const auto status = session.ask<wire::PipelineStatus>(wire::PipelineStatusRequest{options.name});
  if (!status) return session.fail(status.error());
  program.streams().out << (is_json(options.format) ? to_text(to_json(*status))
                                                    : pipeline_text(*status));
  return kDone;
}

}  // namespace

void add_pipeline_status(Program& program) {
  auto options = std::make_shared<Options>();
  Command command = program.add_command(
      "pipeline status",
      {.summary = "show state, reason and nodes of one pipeline",
       .examples = "weirctl pipeline status simplepipe\n"
                   "weirctl pipeline status simplepipe -o json | jq -r .state"},
      [&program, options] {
        return with_broker(program,
                           [&](Session& session) { return show(program, session, *options); });
      });
  command.argument({.names = "NAME", .help = "the pipeline", .is_required = true}, options->name);
  add_format_option(command, options->format);
  program.add_broker_option(command);
}

}  // namespace weir::ctl
