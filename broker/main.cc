#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>

#include "broker/shell/broker_shell.h"
#include "schema/base/files.h"
#include "schema/base/log.h"
#include "schema/base/own_folder.h"
#include "schema/config/command_line.h"
#include "schema/config/exposure.h"
#include "schema/config/local_sockets.h"
#include "schema/config/settings_file.h"
#include "schema/runtime/daemon.h"
#include "schema/runtime/loop.h"
#include "schema/runtime/process.h"
#include "schema/runtime/resolve.h"
#include "schema/runtime/signals.h"
#include "schema/runtime/standard_fds.h"

namespace {

struct Arguments {
  std::vector<std::string> listen;
  std::string data;
  std::string config;
  std::string log_level = "info";
  bool insecure = false;
  int lifeline_fd = -1;
  std::vector<int> keep_fds;  // Held open for as long as this process lives: locks of weirctl.
};

int fail(const weir::Error& error) {
  weir::log::error(error.what);
  return weir::runtime::exit_status_of(error.code);
}

// The local sockets' folders are made here: they have no other use.
weir::Result<std::vector<std::string>> default_endpoints() {
  const char* const runtime_dir = std::getenv("XDG_RUNTIME_DIR");
  const auto sockets = weir::config::local_sockets(runtime_dir == nullptr ? "" : runtime_dir);
  std::vector<std::string> endpoints;
  for (const std::string& path : {sockets.control, sockets.agent}) {
    auto made = weir::make_own_folder(weir::folder_of(path), weir::Access::kGroup);
    if (!made) {
      return std::move(made).error().in(
          "the local sockets (set XDG_RUNTIME_DIR, or say --listen, for others)");
    }
    endpoints.push_back("ipc://" + path);
  }
  return endpoints;
}

// With a number for each host, all of which may be listened at.
weir::Result<std::vector<std::string>> endpoints_of(const Arguments& arguments) {
  if (arguments.listen.empty()) return default_endpoints();
  std::vector<std::string> all;
  for (const std::string& endpoint : arguments.listen) {
    auto resolved = weir::runtime::resolve(endpoint);
    if (!resolved) return std::move(resolved).error().in("--listen " + endpoint);
    for (std::string& one : *resolved) {
      const auto good = weir::config::check_listen(one, arguments.insecure);
      if (!good) return weir::Error(good.error()).in("--listen");
      all.push_back(std::move(one));
    }
  }
  return all;
}

int run(const Arguments& arguments, const std::vector<std::string>& endpoints) {
  using namespace weir;
  runtime::ignore_sigpipe();
  runtime::spare_this_process();
  runtime::Loop loop;
  const bool supervised = arguments.lifeline_fd >= 0;
  auto signals = runtime::watch_for_stop(loop, supervised, [&] { loop.stop(); });
  if (!signals) return fail(signals.error());
  if (supervised) {
    loop.watch_fd(arguments.lifeline_fd, runtime::Interest::kRead,
                  [&](runtime::Ready /*ready*/) { loop.stop(); });
  }
  ::umask(077);  // RocksDB's files too: nothing of ours is for others.
  if (auto made = make_own_folder(arguments.data); !made) return fail(made.error());
  auto store = broker::open_rocks_store(arguments.data + "/store");
  if (!store) return fail(store.error());
  runtime::ZmqContext context(1);
  auto shell = broker::BrokerShell::create(loop, context, std::move(*store),
                                           arguments.data + "/actions", endpoints);
  if (!shell) return fail(shell.error());
  for (const std::string& endpoint : (*shell)->endpoints()) log::info("listens at " + endpoint);
  loop.run();
  return (*shell)->failed() ? 75 : 0;
}

int refuse(const weir::Error& error) {
  std::cerr << "weir-broker: " << error.what << '\n';
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  weir::runtime::reserve_standard_fds();
  CLI::App app{"weir-broker: holds the state of every graph"};
  Arguments arguments;
  const auto* const listen =
      app.add_option("--listen", arguments.listen,
                     "Endpoint for agents and weirctl; may be given several times. Default: local "
                     "sockets below $XDG_RUNTIME_DIR/weir, else /run/weir");
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
  file.texts("listen", arguments.listen, listen->count() > 0);
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
  try {
    weir::log::init("broker", weir::log::level_from(arguments.log_level));
    const auto endpoints = endpoints_of(arguments);
    if (!endpoints) return refuse(endpoints.error());
    return run(arguments, *endpoints);
  } catch (const std::exception& problem) {
    weir::log::error(std::string("unexpected: ") + problem.what());
    return 1;
  }
}
