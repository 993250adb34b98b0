// Stands in for weir-wrapper in tests of broker and agent: takes the wrapper's lock, says hello,
// reports, stops when told, ends when the lifeline closes; has no log and no program.
//
// What it was told and did is left in its log folder:
//   starts      one line with the pid for each start that got the lock
//   conflicts   one line for each start that did not
//   readers     the neighbours, as told last
//   action      the node's action, as it stands in the order
// The node's `run` steers it: "exit N" ends at once with that status, "end" reports ended and
// settled, "fail" reports failed, "deaf" ignores stops, "child" starts a program of its own (its
// pid is left in `child`), "slow" does nothing at all until there is a file `go`.
#include <poll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <fstream>
#include <optional>
#include <sstream>

#include "schema/base/log.h"
#include "schema/runtime/loop.h"
#include "schema/runtime/process.h"
#include "schema/runtime/signals.h"
#include "schema/runtime/zmq_socket.h"
#include "schema/wire/control.h"

namespace {

using namespace weir;

class FakeWrapper {
 public:
  FakeWrapper(wire::StartOrder order, int lifeline_fd, int lock_fd)
      : order_(std::move(order)), lifeline_fd_(lifeline_fd), lock_fd_(lock_fd), context_(1) {}

  int run() {
    while (order_.node.run == "slow" && ::access((order_.log_dir + "/go").c_str(), F_OK) != 0) {
      ::poll(nullptr, 0, 5);
    }
    const std::string path = order_.log_dir + "/wrapper.lock";
    auto lock = lock_fd_ >= 0 ? runtime::FileLock::inherited(lock_fd_, path)
                              : runtime::FileLock::try_acquire(path);
    add_line(lock ? "starts" : "conflicts", std::to_string(::getpid()));
    if (!lock) return 75;
    if (!order_.node.action.empty()) add_line("action", order_.node.action);
    int exit_status = 0;
    if (std::sscanf(order_.node.run.c_str(), "exit %d", &exit_status) == 1) {
      log::error("told to end with " + std::to_string(exit_status));
      return exit_status;
    }
    if (order_.node.run == "child") start_child();
    auto signals = runtime::SignalWatch::create(loop_, {SIGTERM}, [&](int) { loop_.stop(); });
    auto socket = runtime::ZmqSocket::dealer(context_, {});
    if (!signals || !socket || !socket->connect(order_.agent_endpoint)) return 75;
    agent_.emplace(std::move(*socket));
    const auto watch = loop_.watch_socket(*agent_, [&] { receive(); });
    if (lifeline_fd_ >= 0) {
      loop_.watch_fd(lifeline_fd_, runtime::Interest::kRead, [&](auto) { loop_.stop(); });
    }
    loop_.every(std::chrono::milliseconds(200), [&] { report(); });
    send(wire::WrapperHello{order_.pipeline, order_.node.name, order_.instance, order_.term,
                            ::getpid()});
    report();
    loop_.run();
    loop_.unwatch(watch);
    return 0;
  }

 private:
  void add_line(const std::string& file, const std::string& text) {
    std::ofstream(order_.log_dir + "/" + file, std::ios::app) << text << std::endl;
  }

  void start_child() {
    runtime::SpawnOptions options;
    options.program = "/bin/sleep";
    options.argv = {"sleep", "1000"};
    if (auto child = runtime::spawn(options)) add_line("child", std::to_string(child->pid));
  }

  void send(wire::Message message) {
    if (auto bytes = wire::encode({"", std::move(message)})) (void)agent_->send({*bytes});
  }

  void report() {
    wire::InstanceStatus status;
    status.pipeline = order_.pipeline;
    status.node = order_.node.name;
    status.instance = order_.instance;
    status.term = order_.term;
    status.boot = 1;
    status.log_term = order_.log_term;
    status.drained_term = order_.drained_term;
    status.writers = order_.writers;
    status.state = wire::InstanceState::kRunning;
    status.endpoint = order_.listen;
    status.remote_endpoint = order_.listen_remote;
    status.pid = ::getpid();
    if (order_.node.run == "end") {
      status.state = wire::InstanceState::kEnded;
      status.ended_and_settled = true;
    }
    if (order_.node.run == "fail") {
      status.state = wire::InstanceState::kFailed;
      status.last_error = "cannot do that";
    }
    send(wire::WrapperReport{status});
  }

  void receive() {
    std::vector<runtime::Message> parts;
    while (true) {
      auto got = agent_->receive(parts);
      if (!got || !*got) return;
      auto envelope = wire::decode(parts.at(0).view());
      if (!envelope) continue;
      if (std::holds_alternative<wire::WrapperStop>(envelope->message) &&
          order_.node.run != "deaf") {
        add_line("stops", std::to_string(::getpid()));
        loop_.stop();
      }
      if (const auto* told = std::get_if<wire::WrapperNeighbours>(&envelope->message)) {
        std::ofstream file(order_.log_dir + "/readers", std::ios::trunc);
        for (const auto& reader : told->readers)
          file << reader.name << " " << reader.endpoint << "\n";
      }
    }
  }

  wire::StartOrder order_;
  int lifeline_fd_;
  int lock_fd_;
  runtime::Loop loop_;
  runtime::ZmqContext context_;
  std::optional<runtime::ZmqSocket> agent_;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app;
  std::string order_path;
  std::string log_level;
  std::string log_file;
  int lifeline_fd = -1;
  int lock_fd = -1;
  std::vector<int> keep_fds;
  app.add_option("--order", order_path);
  app.add_option("--log-level", log_level);
  app.add_option("--log-file", log_file);
  app.add_option("--lifeline-fd", lifeline_fd);
  app.add_option("--lock-fd", lock_fd);
  app.add_option("--keep-fd", keep_fds);
  app.allow_extras();  // What only a real one looks at.
  CLI11_PARSE(app, argc, argv);
  log::init("weir-wrapper[fake]", log::Level::kInfo);
  runtime::ignore_signal(SIGINT);
  std::ifstream file(order_path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  auto order = wire::decode_order(bytes.str());
  if (!order) {
    log::error(order.error().what);
    return 64;
  }
  return FakeWrapper(std::move(*order), lifeline_fd, lock_fd).run();
}
