#include "broker/shell/broker_shell.h"

#include <utility>

#include "schema/base/log.h"

namespace weir::broker {
namespace {

constexpr auto kTick = std::chrono::milliseconds(500);
constexpr int kMessagesPerTurn = 64;  // Then the timers and signals have their turn.
constexpr int64_t kSocketSlackBytes = 1 << 16;

runtime::SocketOptions socket_options() {
  runtime::SocketOptions options;
  options.message_bytes_max =
      static_cast<int64_t>(wire::kControlMessageBytesMax) + kSocketSlackBytes;
  return options;
}

}  // namespace

Result<std::unique_ptr<BrokerShell>> BrokerShell::create(runtime::Loop& loop,
                                                         runtime::ZmqContext& context,
                                                         std::unique_ptr<Store> store,
                                                         const std::string& listen) {
  auto records = store->load();
  if (!records) return std::move(records).error();
  std::vector<StoreWrite> writes;
  auto core = BrokerCore::recover(*records, writes);
  if (!core) return std::move(core).error();
  if (auto written = store->write(writes); !written) return Error(written.error());
  auto socket = runtime::ZmqSocket::router(context, socket_options());
  if (!socket) return std::move(socket).error();
  auto endpoint = socket->bind(listen);
  if (!endpoint) return std::move(endpoint).error();
  std::unique_ptr<BrokerShell> shell(
      new BrokerShell(loop, std::move(store), std::move(*core), std::move(*socket)));
  shell->endpoint_ = std::move(*endpoint);
  return shell;
}

BrokerShell::BrokerShell(runtime::Loop& loop, std::unique_ptr<Store> store, BrokerCore core,
                         runtime::ZmqSocket socket)
    : loop_(loop), store_(std::move(store)), core_(std::move(core)), socket_(std::move(socket)) {
  watch_ = loop_.watch_socket(socket_.get(), [this] { receive_some(); });
  timer_ = loop_.every(kTick, [this] { carry_out(core_.tick(loop_.now())); });
}

BrokerShell::~BrokerShell() {
  loop_.unwatch(watch_);
  loop_.cancel(timer_);
}

void BrokerShell::receive_some() {
  std::vector<runtime::Message> parts;
  for (int i = 0; i < kMessagesPerTurn && !failed_; ++i) {
    const auto got = socket_.receive(parts);
    if (!got) {
      log::warn(got.error().what);
      continue;
    }
    if (!*got) return;
    take(parts);
  }
}

void BrokerShell::take(const std::vector<runtime::Message>& parts) {
  if (parts.size() != 2) return log::warn("dropped a message that is not one part");
  const std::string peer(parts[0].view());
  auto envelope = wire::decode(parts[1].view());
  if (!envelope) {
    log::warn(envelope.error().what);
    send(peer, {wire::request_of(parts[1].view()), wire::refusal(envelope.error())});
    return;
  }
  carry_out(core_.receive(peer, std::move(*envelope), loop_.now()));
}

void BrokerShell::carry_out(const Effects& effects) {
  if (failed_) return;
  if (!effects.writes.empty()) {
    if (auto written = store_->write(effects.writes); !written) {
      log::error(written.error().what);
      failed_ = true;
      loop_.stop();
      return;
    }
  }
  for (const Outgoing& one : effects.sends) send(one.peer, one.envelope);
}

// What is not sent is not queued: agents ask again each second, and weirctl repeats its request.
void BrokerShell::send(const std::string& peer, const wire::Envelope& envelope) {
  auto bytes = wire::encode(envelope);
  if (!bytes) {
    log::error(bytes.error().what);
    bytes = wire::encode({envelope.request, wire::refusal(bytes.error())});
    if (!bytes) return;
  }
  const auto sent = socket_.send({peer, *bytes});
  if (!sent) log::warn(sent.error().what);
}

}  // namespace weir::broker
