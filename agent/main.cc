#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <filesystem>

#include "agent/shell/agent_shell.h"
#include "schema/base/log.h"
#include "schema/config/exposure.h"
#include "schema/graph/names.h"
#include "schema/runtime/loop.h"
#include "schema/runtime/signals.h"

namespace {

int run(const weir::agent::AgentOptions& options) {
  using namespace weir;
  log::init("agent[" + options.name + "]", log::level_from(options.processes.log_level));
  if (!graph::is_host_name(options.name)) {
    return log::error("--name: \"" + options.name + "\" is not a good name for an agent"), 2;
  }
  if (!options.layout.address.empty()) {
    const auto good = config::check_address(options.layout.address, options.insecure);
    if (!good) return log::error("--address " + good.error().what), 2;
  }
  runtime::ignore_sigpipe();
  runtime::ignore_signal(SIGINT);
  runtime::Loop loop;
  agent::AgentShell* running = nullptr;
  auto signals = runtime::SignalWatch::create(loop, {SIGTERM}, [&](int /*signal*/) {
    if (running != nullptr) running->stop_in_order();
  });
  if (!signals) return log::error(signals.error().what), 1;
  runtime::ZmqContext context(1);
  {
    auto shell = agent::AgentShell::create(loop, context, options);
    if (!shell) return log::error(shell.error().what), 1;
    running = shell->get();
    runtime::WatchId lifeline{};
    if (options.processes.lifeline_fd >= 0) {
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
  ::unlink((options.layout.run_dir + "/agent").c_str());
  ::rmdir(options.layout.run_dir.c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"weir-agent: starts and supervises the wrappers of one server"};
  weir::agent::AgentOptions options;
  std::string data;
  std::string run_dir;
  options.broker = "tcp://127.0.0.1:7700";
  app.add_option("--name", options.name, "Name of this server")->required();
  app.add_option("--broker", options.broker, "The broker's endpoint")->capture_default_str();
  app.add_option("--data", data, "Folder for orders and logs")->required();
  app.add_option("--address", options.layout.address,
                 "IP address at which other servers reach this one");
  app.add_flag("--insecure", options.insecure,
               "Listen at --address although nothing is encrypted yet");
  app.add_option("--run-dir", run_dir, "Folder for sockets; default: DATA/run");
  app.add_option("--log-level", options.processes.log_level, "debug, info, warn or error")
      ->capture_default_str();
  app.add_option("--lifeline-fd", options.processes.lifeline_fd,
                 "Descriptor whose hang-up ends this process and its wrappers");
  app.add_option("--keep-fd", options.processes.keep_fds, "Descriptor to hold open and hand on");
  app.add_option("--wrapper", options.processes.wrapper_program,
                 "Program to start instead of weir-wrapper");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? 0 : 2;
  }
  try {
    options.layout.data_dir = std::filesystem::absolute(data).lexically_normal().string();
    options.layout.run_dir = run_dir.empty()
                                 ? options.layout.data_dir + "/run"
                                 : std::filesystem::absolute(run_dir).lexically_normal().string();
    return run(options);
  } catch (const std::exception& problem) {
    weir::log::error(std::string("unexpected: ") + problem.what());
    return 1;
  }
}
