#include <fcntl.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <filesystem>
#include <iostream>

#include "broker/shell/broker_shell.h"
#include "schema/base/log.h"
#include "schema/config/command_line.h"
#include "schema/config/exposure.h"
#include "schema/config/settings_file.h"
#include "schema/runtime/loop.h"
#include "schema/runtime/process.h"
#include "schema/runtime/signals.h"

namespace {

struct Arguments {
  std::string listen = "tcp://127.0.0.1:7700";
  std::string data;
  std::string config;
  std::string log_level = "info";
  bool insecure = false;
  int lifeline_fd = -1;
  std::vector<int> keep_fds;  // Held open for as long as this process lives: locks of weirctl.
};

int run(const Arguments& arguments) {
  using namespace weir;
  log::init("broker", log::level_from(arguments.log_level));
  runtime::ignore_sigpipe();
  runtime::spare_this_process();
  runtime::ignore_signal(SIGINT);
  runtime::Loop loop;
  auto signals =
      runtime::SignalWatch::create(loop, {SIGTERM}, [&](int /*signal*/) { loop.stop(); });
  if (!signals) return log::error(signals.error().what), 1;
  if (arguments.lifeline_fd >= 0) {
    loop.watch_fd(arguments.lifeline_fd, runtime::Interest::kRead,
                  [&](runtime::Ready /*ready*/) { loop.stop(); });
  }
  std::error_code ignored;  // If it cannot be made, opening the store says so.
  std::filesystem::create_directories(arguments.data, ignored);
  auto store = broker::open_rocks_store(arguments.data + "/store");
  if (!store) return log::error(store.error().what), 1;
  runtime::ZmqContext context(1);
  auto shell = broker::BrokerShell::create(loop, context, std::move(*store),
                                           arguments.data + "/actions", arguments.listen);
  if (!shell) return log::error(shell.error().what), 1;
  log::info("listens at " + (*shell)->endpoint());
  loop.run();
  return (*shell)->failed() ? 75 : 0;
}

int refuse(const weir::Error& error) {
  std::cerr << "weir-broker: " << error.what << '\n';
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"weir-broker: holds the state of every graph"};
  Arguments arguments;
  const auto* const listen =
      app.add_option("--listen", arguments.listen, "Endpoint for agents and weirctl")
          ->capture_default_str();
  const auto* const insecure =
      app.add_flag("--insecure", arguments.insecure,
                   "Listen there although others can reach it and nothing is encrypted yet");
  const auto* const data = app.add_option("--data", arguments.data, "Folder for the state");
  const auto* const log_level =
      app.add_option("--log-level", arguments.log_level, "debug, info, warn or error")
          ->capture_default_str()
          ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
  app.add_option("--config", arguments.config, "File with these settings, in TOML; options win");
  app.add_option("--lifeline-fd", arguments.lifeline_fd,
                 "Descriptor whose hang-up ends this process");
  app.add_option("--keep-fd", arguments.keep_fds, "Descriptor to hold open");
  try {
    weir::config::parse(app, argc, argv);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? 0 : 2;
  }
  weir::config::SettingsFile file;
  file.text("listen", arguments.listen, listen->count() > 0);
  file.flag("insecure", arguments.insecure, insecure->count() > 0);
  file.text("data", arguments.data, data->count() > 0);
  file.choice("log_level", {"debug", "info", "warn", "error"}, arguments.log_level,
              log_level->count() > 0);
  if (!arguments.config.empty()) {
    if (const auto read = file.read(arguments.config); !read) return refuse(read.error());
  }
  if (arguments.data.empty()) {
    return refuse({weir::ErrorCode::kInvalid, "--data is needed: a folder of its own"});
  }
  const auto good = weir::config::check_listen(arguments.listen, arguments.insecure);
  if (!good) return refuse(weir::Error(good.error()).in("--listen"));
  try {
    return run(arguments);
  } catch (const std::exception& problem) {
    weir::log::error(std::string("unexpected: ") + problem.what());
    return 1;
  }
}
