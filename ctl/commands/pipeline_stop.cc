#include "ctl/commands/pipeline_stop.h"

#include <memory>
#include <ostream>

#include "ctl/base/exit_code.h"
#include "ctl/cluster/wait.h"

namespace weir::ctl {
namespace {

struct Options {
  std::string name;
  bool end = false;
  bool wait = false;
  std::optional<std::chrono::milliseconds> timeout;
};

constexpr std::chrono::milliseconds kTimeoutDefault{60'000};

int stop(Program& program, Session& session, const Options& options) {
  const auto done = session.ask<wire::Ok>(wire::PipelineStop{options.name, options.end});
  if (!done) return session.fail(done.error());
  std::ostream& out = program.streams().out;
  if (!options.wait) {
    if (options.end) {
      const wire::PipelineStatusRequest question{options.name};
      const auto status = session.ask<wire::PipelineStatus>(question);
      if (!status) return session.fail(status.error());
      if (status->state == wire::PipelineState::kCompleted) {
        out << "pipeline '" << options.name << "' is completed\n";
        return kDone;
      }
    }
    out << "pipeline '" << options.name << "' is "
        << (options.end ? "ending: what its sources have written is still processed" : "stopping")
        << "\n";
    return kDone;
  }
  Wait wait{options.name, Wanted::kStopped, options.timeout.value_or(kTimeoutDefault)};
  // Nobody knows how long a backlog takes.
  if (options.end) wait = {options.name, Wanted::kCompleted, options.timeout};
  if (const Status came = wait_for(program, session, wait); !came) {
    return session.fail(came.error());
  }
  out << "pipeline '" << options.name << "' is " << to_string(wait.wanted) << "\n";
  return kDone;
}

}  // namespace

void add_pipeline_stop(Program& program) {
  auto options = std::make_shared<Options>();
  Command command = program.add_command(
      "pipeline stop",
      {.summary = "stop a pipeline, to go on later, or end it",
       .examples = "weirctl pipeline stop simplepipe --wait\n"
                   "weirctl pipeline stop simplepipe --end --wait --timeout 10m"},
      [&program, options] {
        if (options->timeout && !options->wait) {
          return program.fail_usage("--timeout goes with --wait");
        }
        return with_broker(program,
                           [&](Session& session) { return stop(program, session, *options); });
      });
  command.argument({.names = "NAME", .help = "the pipeline", .is_required = true}, options->name);
  command.flag(
      {.names = "--end",
       .help = "its sources end; what they have written is processed, then it is completed"},
      options->end);
  command.flag(
      {.names = "--wait",
       .help = "until it is stopped (at most 60s without --timeout), or with --end completed"},
      options->wait);
  add_timeout_option(command, options->timeout);
  program.add_broker_option(command);
}

}  // namespace weir::ctl
