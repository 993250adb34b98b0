#include "ctl/commands/pipeline_abandon.h"

#include <memory>
#include <ostream>

#include "ctl/base/exit_code.h"
#include "ctl/cli/session.h"

namespace weir::ctl {

void add_pipeline_abandon(Program& program) {
  auto name = std::make_shared<std::string>();
  Command command = program.add_command(
      "pipeline abandon",
      {.summary = "give up what only lost servers hold, so that a pipeline can end",
       .examples = "weirctl pipeline abandon simplepipe"},
      [&program, name] {
        return with_broker(program, [&](Session& session) -> int {
          const auto done = session.ask<wire::Ok>(wire::PipelineAbandon{*name});
          if (!done) return session.fail(done.error());
          program.streams().out << "pipeline '" << *name
                                << "' does not wait any more for what lost servers hold\n";
          return kDone;
        });
      });
  command.argument({.names = "NAME", .help = "the pipeline", .is_required = true}, *name);
  program.add_broker_option(command);
}

}  // namespace weir::ctl
