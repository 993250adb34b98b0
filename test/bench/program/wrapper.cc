// Stands in for weir-wrapper where the agent is what is measured: says hello, reports each second
// that it runs, stops when told. It has no log and no program, and few bytes of memory.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <fstream>
#include <sstream>
#include <string>

#include "schema/runtime/loop.h"
#include "schema/runtime/signals.h"
#include "schema/runtime/zmq_socket.h"
#include "schema/wire/control.h"

namespace {

using namespace weir;

constexpr auto kReport = std::chrono::milliseconds(1000);

class StandIn {
 public:
  explicit StandIn(const wire::StartOrder& order) : context_(1), parent_(::getppid()) {
    status_.pipeline = order.pipeline;
    status_.node = order.node.name;
    status_.instance = order.instance;
    status_.drained_term = order.drained_term;
    status_.term = order.term;
    status_.log_term = order.log_term;
    status_.boot = 1;
    status_.state = wire::InstanceState::kRunning;
    status_.pid = ::getpid();
    status_.writers = order.writers;
    if (!order.writers.empty()) status_.endpoint = order.listen;
  }

  int run(const std::string& agent) {
    auto socket = runtime::ZmqSocket::dealer(context_, {});
    if (!socket || !socket->connect(agent)) return 75;
    socket_.emplace(*std::move(socket));
    const auto watch = loop_.watch_socket(*socket_, [this] { receive(); });
    loop_.every(kReport, [this] { report(); });
    send(wire::WrapperHello{status_.pipeline, status_.node, status_.instance, status_.term,
                            status_.pid, status_.drained_term});
    report();
    loop_.run();
    loop_.unwatch(watch);
    return 0;
  }

 private:
  void report() {
    if (::getppid() != parent_) return loop_.stop();  // The agent is gone.
    status_.records_in += 1000;
    status_.records_out += 1000;
    send(wire::WrapperReport{status_});
  }
  void receive() {
    std::vector<runtime::Message> parts;
    while (true) {
      const auto got = socket_->receive(parts);
      if (!got || !*got) return;
      const auto envelope = wire::decode(parts.back().view());
      if (envelope && std::holds_alternative<wire::WrapperStop>(envelope->message)) loop_.stop();
    }
  }
  void send(const wire::Message& message) {
    const auto bytes = wire::encode({"", message});
    if (bytes) (void)socket_->send({*bytes});
  }

  runtime::Loop loop_;
  runtime::ZmqContext context_;
  std::optional<runtime::ZmqSocket> socket_;
  wire::InstanceStatus status_;
  pid_t parent_;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("weir-bench-wrapper: says what a wrapper says");
  app.allow_extras();  // What else an agent gives to a wrapper.
  std::string path;
  app.add_option("--order", path)->required();
  CLI11_PARSE(app, argc, argv);
  runtime::ignore_signal(SIGINT);
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  const auto order = wire::decode_order(bytes.str());
  if (!order) return 64;
  return StandIn(*order).run(order->agent_endpoint);
}
