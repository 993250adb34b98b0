// weir-wrapper: runs one node instance. Started by the agent with a start order in a file.
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <fstream>
#include <iostream>
#include <sstream>

#include "schema/base/log.h"
#include "schema/runtime/signals.h"
#include "schema/wire/control.h"
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
  CLI::App app{"Runs one node instance of a weir pipeline."};
  std::string order_path;
  std::string log_level = "info";
  weir::shell::WrapperOptions options;
  app.add_option("--order", order_path, "file with the start order")->required();
  app.add_option("--log-level", log_level, "debug, info, warn or error");
  app.add_option("--lifeline-fd", options.lifeline_fd,
                 "ends when the other end of this pipe closes");
  app.add_option("--keep-fd", options.keep_fds, "inherited descriptor to hold while this runs");
  CLI11_PARSE(app, argc, argv);
  weir::log::init("weir-wrapper", weir::log::level_from(log_level));
  weir::runtime::ignore_sigpipe();
  weir::runtime::ignore_signal(SIGINT);
  keep_large_buffers();
  try {
    auto order = read_order(order_path);
    if (!order) {
      weir::log::error(order.error().what);
      return weir::shell::kExitBadOrder;
    }
    weir::log::init("weir-wrapper[" + order->pipeline + "/" + order->name() + "]",
                    weir::log::level_from(log_level));
    weir::shell::Wrapper wrapper(*std::move(order), std::move(options));
    return wrapper.run();
  } catch (const std::exception& error) {
    weir::log::error(std::string("unexpected: ") + error.what());
    return weir::shell::kExitAgain;
  }
}
