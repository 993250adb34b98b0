#include "ctl/commands/pipeline_run.h"

#include <memory>
#include <ostream>

#include "ctl/base/exit_code.h"
#include "ctl/cluster/needs.h"
#include "ctl/cluster/wait.h"

namespace weir::ctl {
namespace {

struct Options {
  std::string name;
  std::string wait;  // "running", "completed", or empty.
  std::optional<std::chrono::milliseconds> timeout;
};

constexpr std::chrono::milliseconds kTimeoutDefault{60'000};

class Run {
 public:
  Run(Program& program, Session& session, const Options& options)
      : program_(program), session_(session), options_(options) {}

  int run() {
    if (Status told = tell_what_is_known(); !told) return session_.fail(told.error());
    wire::PipelineRun message;
    message.name = options_.name;
    if (const auto done = session_.ask<wire::Ok>(message); !done) {
      return session_.fail(done.error());
    }
    return options_.wait.empty() ? tell_state() : wait();
  }

 private:
  // Before it is asked for: who reads it may still change something.
  Status tell_what_is_known() {
    const auto status =
        session_.ask<wire::PipelineStatus>(wire::PipelineStatusRequest{options_.name});
    if (!status) return status.error();
    tell_of_state(*status);
    const auto spec = session_.ask<wire::PipelineSpecIs>(wire::PipelineGet{options_.name});
    if (!spec) return spec.error();
    const auto cluster = session_.ask<wire::BrokerStatus>(wire::BrokerStatusRequest{});
    if (!cluster) return cluster.error();
    for (const MissingHost& missing : missing_hosts(spec->spec, cluster->agents)) {
      program_.note(describe(spec->spec, missing) +
                    (missing.hint.empty() ? "" : "; " + missing.hint));
    }
    return {};
  }

  // What has come to its end does not begin anew by being asked to.
  void tell_of_state(const wire::PipelineStatus& status) {
    const std::string stop = "'weirctl pipeline stop " + options_.name + "'";
    if (status.state == wire::PipelineState::kFailed) {
      program_.note("it has failed: " + status.reason + "; " + stop + " and 'run' try it again");
    }
    if (status.state == wire::PipelineState::kCompleted) {
      program_.note(
          "it has processed all its input already; to do that once more, remove it "
          "('weirctl pipeline rm " +
          options_.name + "') and put it again");
    }
  }

  int tell_state() {
    const auto status =
        session_.ask<wire::PipelineStatus>(wire::PipelineStatusRequest{options_.name});
    if (!status) return session_.fail(status.error());
    program_.streams().out << "pipeline '" << options_.name << "' is "
                           << wire::to_string(status->state) << "\n";
    return kDone;
  }

  int wait() {
    Wait wait{options_.name, Wanted::kRunning, options_.timeout.value_or(kTimeoutDefault)};
    if (options_.wait == "completed") wait = {options_.name, Wanted::kCompleted, options_.timeout};
    if (const Status came = wait_for(program_, session_, wait); !came) {
      if (session_.broker().signal() != 0) {
        program_.note("the pipeline goes on; 'weirctl pipeline stop " + options_.name +
                      "' stops it");
      }
      return session_.fail(came.error());
    }
    return tell_state();
  }

  Program& program_;
  Session& session_;
  const Options& options_;
};

}  // namespace

void add_pipeline_run(Program& program) {
  auto options = std::make_shared<Options>();
  Command command = program.add_command(
      "pipeline run",
      {.summary = "let a stored pipeline run",
       .examples = "weirctl pipeline run simplepipe --wait\n"
                   "weirctl pipeline run nightly --wait=completed --timeout 2h"},
      [&program, options] {
        if (options->timeout && options->wait.empty()) {
          return program.fail_usage("--timeout goes with --wait");
        }
        return with_broker(program,
                           [&](Session& session) { return Run(program, session, *options).run(); });
      });
  command.argument({.names = "NAME", .help = "the pipeline", .is_required = true}, options->name);
  command.flag_or_value(
      {.names = "--wait",
       .type = "STATE",
       .help =
           "until it runs (at most 60s without --timeout); --wait=completed: until it has ended",
       .choices = {"running", "completed"}},
      "running", options->wait);
  add_timeout_option(command, options->timeout);
  program.add_broker_option(command);
}

}  // namespace weir::ctl
