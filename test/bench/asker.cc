#include "test/bench/asker.h"

#include <unistd.h>

#include "test/bench/bench.h"
#include "test/bench/command.h"

namespace weir::bench {
namespace {

constexpr auto kLimit = std::chrono::seconds(60);
constexpr auto kPoll = std::chrono::milliseconds(100);

}  // namespace

wire::Message Asker::ask(const wire::Message& question) {
  if (!socket_) {
    runtime::SocketOptions options;
    options.message_bytes_max = static_cast<int64_t>(wire::kControlMessageBytesMax) * 2;
    auto socket = runtime::ZmqSocket::dealer(context_, options);
    if (!socket) throw Failed(socket.error().what);
    socket_.emplace(std::move(*socket));
    if (auto connected = socket_->connect(endpoint_); !connected) {
      throw Failed(connected.error().what);
    }
  }
  const std::string request = std::to_string(::getpid()) + "-" + std::to_string(++requests_);
  const auto bytes = wire::encode({request, question});
  if (!bytes) throw Failed(bytes.error().what);
  if (auto sent = socket_->send({*bytes}); !sent) throw Failed(sent.error().what);
  const auto start = Clock::now();
  std::vector<runtime::Message> parts;
  while (Clock::now() - start < kLimit) {
    socket_->wait(kPoll);
    auto got = socket_->receive(parts);
    if (!got || !*got) continue;
    auto envelope = wire::decode(parts.at(0).view());
    if (!envelope || envelope->request != request) continue;
    if (const auto* refusal = std::get_if<wire::Refusal>(&envelope->message)) {
      throw Failed("the broker says: " + refusal->what);
    }
    return std::move(envelope->message);
  }
  throw Failed("the broker does not answer");
}

wire::BrokerStatus Asker::status() {
  return std::get<wire::BrokerStatus>(ask(wire::BrokerStatusRequest{}));
}

wire::PipelineState Asker::state_of(const std::string& pipeline) {
  for (const wire::PipelineSummary& one : status().pipelines) {
    if (one.name == pipeline) return one.state;
  }
  throw Failed("the broker has no pipeline " + pipeline);
}

std::vector<wire::Event> Asker::events(uint64_t after) {
  return std::get<wire::Events>(ask(wire::EventsRequest{after})).events;
}

}  // namespace weir::bench
