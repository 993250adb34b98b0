#include <unistd.h>

#include "agent/shell/agent_shell.h"
#include "agent/shell/command_line.h"
#include "schema/base/log.h"
#include "schema/runtime/daemon.h"
#include "schema/runtime/loop.h"
#include "schema/runtime/process.h"
#include "schema/runtime/signals.h"
#include "schema/runtime/standard_fds.h"

namespace {

int run(const weir::agent::AgentOptions& options) {
  using namespace weir;
  log::init("agent[" + options.name + "]", log::level_from(options.processes.log_level));
  runtime::ignore_sigpipe();
  runtime::spare_this_process();
  runtime::Loop loop;
  agent::AgentShell* running = nullptr;
  const bool supervised = options.processes.lifeline_fd >= 0;
  auto signals = runtime::watch_for_stop(loop, supervised, [&] {
    if (running != nullptr) running->stop_in_order();
  });
  if (!signals) return log::error(signals.error().what), 1;
  runtime::ZmqContext context(1);
  {
    auto shell = agent::AgentShell::create(loop, context, options);
    if (!shell) {
      log::error(shell.error().what);
      return runtime::exit_status_of(shell.error().code);
    }
    running = shell->get();
    runtime::WatchId lifeline{};
    if (supervised) {
      lifeline = loop.watch_fd(options.processes.lifeline_fd, runtime::Interest::kRead,
                               [&](runtime::Ready /*ready*/) {
                                 loop.unwatch(lifeline);
                                 running->lifeline_closed();
                               });
    }
    running->start();
    loop.run();
    running = nullptr;
  }
  // Ours only if it is empty: others may have put things there.
  ::rmdir(options.layout.run_dir.c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  weir::runtime::reserve_standard_fds();
  try {
    const auto parsed = weir::agent::parse_command_line(argc, argv);
    if (const int* const status = std::get_if<int>(&parsed)) return *status;
    return run(std::get<weir::agent::AgentOptions>(parsed));
  } catch (const std::exception& problem) {
    weir::log::error(std::string("unexpected: ") + problem.what());
    return 1;
  }
}
