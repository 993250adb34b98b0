#include <unistd.h>

#include <cstdio>
#include <map>
#include <memory>

#include "schema/runtime/loop.h"
#include "schema/runtime/zmq_socket.h"
#include "schema/wire/control.h"
#include "test/bench/program/programs.h"

namespace weir::bench {
namespace {

constexpr auto kHeartbeat = std::chrono::milliseconds(1000);
// Nobody listens there: a connection is refused at once.
constexpr const char* kRemoteEndpoint = "tcp://127.0.0.1:1";

// One agent and its wrappers, as the broker sees them.
class PlayedAgent {
 public:
  PlayedAgent(runtime::Loop& loop, runtime::ZmqContext& context, const std::string& broker,
              uint32_t number)
      : loop_(loop), name_("agent-" + std::to_string(number)) {
    runtime::SocketOptions options;
    options.message_bytes_max = static_cast<int64_t>(wire::kControlMessageBytesMax) * 2;
    auto socket = runtime::ZmqSocket::dealer(context, options);
    if (!socket || !socket->connect(broker)) {
      std::fputs("agents: cannot open a socket\n", stderr);
      std::exit(1);
    }
    socket_.emplace(std::move(*socket));
    loop_.watch_socket(*socket_, [this] { receive(); });
    send(wire::AgentRegister{name_, "127.0.0.1", {}, name_});
    // Spread over the second, as those of many hosts are.
    loop_.after(kHeartbeat * (number % 100) / 100, [this] {
      beat();
      loop_.every(kHeartbeat, [this] { beat(); });
    });
  }

 private:
  void beat() {
    if (registered_) return report();
    send(wire::AgentRegister{name_, "127.0.0.1", statuses(), name_});
  }

  std::vector<wire::InstanceStatus> statuses() const {
    std::vector<wire::InstanceStatus> all;
    for (const auto& [key, status] : running_) all.push_back(status);
    return all;
  }

  void report() { send(wire::AgentReport{name_, version_, statuses(), {}}); }

  void receive() {
    std::vector<runtime::Message> parts;
    while (true) {
      auto got = socket_->receive(parts);
      if (!got || !*got) return;
      auto envelope = wire::decode(parts.at(0).view());
      if (!envelope) continue;
      if (const auto* orders = std::get_if<wire::AgentOrders>(&envelope->message)) {
        registered_ = true;
        obey(*orders);
      } else if (std::holds_alternative<wire::Refusal>(envelope->message)) {
        registered_ = false;
      }
    }
  }

  void obey(const wire::AgentOrders& orders) {
    version_ = orders.version;
    for (const wire::StartOrder& order : orders.start) start(order);
    for (const wire::InstanceKey& key : orders.stop) running_.erase(key);
    for (const wire::InstanceKey& key : orders.remove) running_.erase(key);
    report();
  }

  void start(const wire::StartOrder& order) {
    wire::InstanceStatus& status = running_[wire::key_of(order)];
    status.pipeline = order.pipeline;
    status.node = order.node.name;
    status.instance = order.instance;
    status.drained_term = order.drained_term;
    status.term = order.term;
    status.log_term = order.log_term;
    status.boot = 1;
    status.state = wire::InstanceState::kRunning;
    status.pid = ::getpid();
    status.writers = order.writers;
    if (order.writers.empty()) return;
    status.endpoint = "ipc:///nowhere/" + name_ + "/" + order.node.name;
    status.remote_endpoint = kRemoteEndpoint;
  }

  void send(wire::Message message) {
    const auto bytes = wire::encode({name_ + "-" + std::to_string(++requests_), message});
    if (bytes) (void)socket_->send({*bytes});
  }

  runtime::Loop& loop_;
  std::string name_;
  std::optional<runtime::ZmqSocket> socket_;
  std::map<wire::InstanceKey, wire::InstanceStatus> running_;
  uint64_t version_ = 0;
  uint64_t requests_ = 0;
  bool registered_ = false;
};

}  // namespace

int play_agents(const std::string& broker, uint32_t first, uint32_t count) {
  runtime::Loop loop;
  runtime::ZmqContext context(1);
  std::vector<std::unique_ptr<PlayedAgent>> agents;
  for (uint32_t i = 0; i < count; ++i) {
    agents.push_back(std::make_unique<PlayedAgent>(loop, context, broker, first + i));
  }
  loop.run();
  return 0;
}

}  // namespace weir::bench
