#include "ctl/commands/pipeline_rm.h"

#include <memory>
#include <ostream>

#include "ctl/base/exit_code.h"
#include "ctl/cluster/wait.h"

namespace weir::ctl {
namespace {

struct Options {
  std::string name;
  bool discard = false;
  bool wait = false;
  std::optional<std::chrono::milliseconds> timeout;
};

constexpr std::chrono::milliseconds kTimeoutDefault{60'000};

int remove(Program& program, Session& session, const Options& options) {
  const auto done = session.ask<wire::Ok>(wire::PipelineRemove{options.name, options.discard});
  if (!done) return session.fail(done.error());
  std::ostream& out = program.streams().out;
  if (!options.wait) {
    out << "pipeline '" << options.name << "' is being removed\n";
    return kDone;
  }
  const Status gone =
      wait_for(program, session,
               {options.name, Wanted::kRemoved, options.timeout.value_or(kTimeoutDefault)});
  if (!gone) return session.fail(gone.error());
  out << "pipeline '" << options.name << "' is removed\n";
  return kDone;
}

}  // namespace

void add_pipeline_rm(Program& program) {
  auto options = std::make_shared<Options>();
  Command command = program.add_command(
      "pipeline rm",
      {.summary = "remove a pipeline with its logs on all servers",
       .examples = "weirctl pipeline rm simplepipe\n"
                   "weirctl pipeline rm simplepipe --discard --wait"},
      [&program, options] {
        if (options->timeout && !options->wait) {
          return program.fail_usage("--timeout goes with --wait");
        }
        return with_broker(program,
                           [&](Session& session) { return remove(program, session, *options); });
      });
  command.argument({.names = "NAME", .help = "the pipeline", .is_required = true}, options->name);
  command.flag({.names = "--discard",
                .help = "also if its logs hold records that no sink has had, or dead letters"},
               options->discard);
  command.flag({.names = "--wait",
                .help = "until all servers have removed it; at most 60s without --timeout"},
               options->wait);
  add_timeout_option(command, options->timeout);
  program.add_broker_option(command);
}

}  // namespace weir::ctl
