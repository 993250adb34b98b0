// weir-wrapper: runs one node instance. Started by the agent with a start order in a file.
#include <malloc.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <fstream>
#include <iostream>
#include <sstream>

#include "schema/base/log.h"
#include "schema/config/command_line.h"
#include "schema/runtime/daemon.h"
#include "schema/runtime/signals.h"
#include "schema/runtime/standard_fds.h"
#include "schema/wire/control.h"
#include "schema/wire/wrapper_process.h"
#include "wrapper/inspect/inspect.h"
#include "wrapper/shell/wrapper.h"

namespace {

weir::Result<weir::wire::StartOrder> read_order(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return weir::errno_error("order " + path, errno);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  auto order = weir::wire::decode_order(bytes.str());
  if (!order) return std::move(order).error().in("order " + path);
  return order;
}

// Blocks of a megabyte come and go: keep their memory instead of mapping it anew each time.
void keep_large_buffers() {
  mallopt(M_MMAP_THRESHOLD, 8 << 20);
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
  mallopt(M_ARENA_MAX, 2);
}

}  // namespace

int main(int argc, char** argv) {
  weir::runtime::reserve_standard_fds();
  CLI::App app{"Runs one node instance of a weir pipeline."};
  std::string order_path;
  std::string log_level = "info";
  weir::shell::WrapperOptions options;
  auto* const what = app.add_option_group("what to do")->require_option(1);
  what->add_option(weir::wire::kOrderOption, order_path, "run a node: file with the start order");
  app.add_option(weir::wire::kLogLevelOption, log_level, "debug, info, warn or error");
  app.add_option(weir::wire::kLogFileOption, options.log_file,
                 "where stdout and stderr go: rotated");
  app.add_option(weir::wire::kLifelineOption, options.lifeline_fd,
                 "ends when the other end of this pipe closes");
  app.add_option(weir::wire::kLockOption, options.lock_fd,
                 "inherited descriptor that holds the log's lock");
  app.add_option(weir::wire::kDiskReserveOption, options.reserves.disk_bytes,
                 "bytes of the log's disk that stay free");
  app.add_option(weir::wire::kMemoryReserveOption, options.reserves.memory_bytes,
                 "takes no input while less memory is available");
  app.add_option(weir::wire::kMemoryFileOption, options.memory_file, "where that is read");
  app.add_option(weir::wire::kKeepOption, options.keep_fds,
                 "inherited descriptor to hold while this runs");
  std::pair<std::string, std::string> inspected;
  weir::inspect::DeadLetterQuery query;
  auto* const inspect_option =
      what->add_option("--inspect", inspected,
                       "write what a log holds: dead, verify or dump; or answer a question: ask")
          ->type_name("WHAT LOG_DIR");
  app.add_option("--id", query.id, "with --inspect dead: only this one")->needs(inspect_option);
  app.add_option("--record-bytes", query.record_bytes_max,
                 "with --inspect dead: of each record no more than this")
      ->needs(inspect_option);
  uint64_t blocks_max = UINT64_MAX;
  app.add_option("--blocks", blocks_max, "with --inspect dump: no more than this")
      ->needs(inspect_option);
  try {
    weir::config::parse(app, argc, argv);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem);
  }
  weir::runtime::ignore_sigpipe();
  if (inspect_option->count() > 0) {
    weir::log::init("weir-wrapper", weir::log::Level::kError);
    return weir::inspect::inspect({inspected.first, inspected.second, query, blocks_max});
  }
  weir::log::init("weir-wrapper", weir::log::level_from(log_level));
  weir::runtime::ignore_signal(SIGINT);
  keep_large_buffers();
  try {
    auto order = read_order(order_path);
    if (!order) {
      weir::log::error(order.error().what);
      return weir::wire::kExitBadOrder;
    }
    weir::log::init("weir-wrapper[" + order->pipeline + "/" + order->name() + "]",
                    weir::log::level_from(log_level));
    // RocksDB's files too: nothing of ours is for others.
    options.programs_umask = ::umask(077);
    weir::shell::Wrapper wrapper(*std::move(order), std::move(options));
    return wrapper.run();
  } catch (const std::exception& error) {
    weir::log::error(std::string("unexpected: ") + error.what());
    return weir::wire::kExitAgain;
  }
}
