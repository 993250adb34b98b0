#include "broker/shell/broker_shell.h"

#include <utility>

#include "schema/base/failpoint.h"
#include "schema/base/log.h"

namespace weir::broker {
namespace {

constexpr auto kTick = std::chrono::milliseconds(250);
constexpr int kMessagesPerTurn = 64;  // Then the timers and signals have their turn.
constexpr int64_t kSocketSlackBytes = 1 << 16;

runtime::SocketOptions socket_options() {
  runtime::SocketOptions options;
  options.message_bytes_max =
      static_cast<int64_t>(wire::kControlMessageBytesMax) + kSocketSlackBytes;
  return options;
}

uint64_t unix_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

}  // namespace

Result<std::unique_ptr<BrokerShell>> BrokerShell::create(runtime::Loop& loop,
                                                         runtime::ZmqContext& context,
                                                         std::unique_ptr<Store> store,
                                                         const std::string& actions,
                                                         const std::string& listen) {
  auto records = store->load();
  if (!records) return std::move(records).error();
  std::vector<StoreWrite> writes;
  auto core = BrokerCore::recover(*records, writes);
  if (!core) return std::move(core).error();
  if (auto written = store->write(writes); !written) return Error(written.error());
  auto contents = content::Store::open(actions);
  if (!contents) return std::move(contents).error();
  auto socket = runtime::ZmqSocket::router(context, socket_options());
  if (!socket) return std::move(socket).error();
  auto endpoint = socket->bind(listen);
  if (!endpoint) return std::move(endpoint).error();
  std::unique_ptr<BrokerShell> shell(new BrokerShell(loop, std::move(store), std::move(*contents),
                                                     std::move(*core), std::move(*socket)));
  shell->endpoint_ = std::move(*endpoint);
  shell->remove_unused_contents();
  return shell;
}

BrokerShell::BrokerShell(runtime::Loop& loop, std::unique_ptr<Store> store, content::Store contents,
                         BrokerCore core, runtime::ZmqSocket socket)
    : loop_(loop),
      store_(std::move(store)),
      contents_(std::move(contents)),
      core_(std::move(core)),
      socket_(std::move(socket)),
      prober_(loop) {
  watch_ = loop_.watch_socket(socket_.get(), [this] { receive_some(); });
  timer_ = loop_.every(kTick, [this] { tick(); });
}

BrokerShell::~BrokerShell() {
  loop_.unwatch(watch_);
  loop_.cancel(timer_);
}

// What comes at once is decided about at once, and written at once: the more there is to do, the
// less each message costs.
void BrokerShell::receive_some() {
  std::vector<runtime::Message> parts;
  for (int i = 0; i < kMessagesPerTurn && !failed_; ++i) {
    const auto got = socket_.receive(parts);
    if (!got) {
      log::warn(got.error().what);
      continue;
    }
    if (!*got) break;
    take(parts);
  }
  carry_out(core_.decide());
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
  if (auto answered = answer(envelope->message)) {
    return send(peer, {envelope->request, std::move(*answered)});
  }
  core_.take(peer, std::move(*envelope), loop_.now(), unix_ms());
}

std::optional<wire::Message> BrokerShell::answer(const wire::Message& message) {
  Result<wire::Message> result = wire::Message(wire::Ok{});
  if (const auto* put = std::get_if<wire::ActionPut>(&message)) {
    result = wanted(*put);
    if (result && std::get<wire::ActionWanted>(*result).offset == put->bytes) return std::nullopt;
  } else if (const auto* chunk = std::get_if<wire::ActionChunk>(&message)) {
    auto next = contents_.add(chunk->sha256, chunk->offset, chunk->data.value, loop_.now());
    if (next) {
      result = wire::Message(wire::ActionWanted{chunk->sha256, *next});
    } else {
      result = std::move(next).error();
    }
  } else if (const auto* fetch = std::get_if<wire::ActionFetch>(&message)) {
    auto data = contents_.read(fetch->sha256, fetch->offset, wire::kActionChunkBytesMax);
    if (data) {
      result = wire::Message(
          wire::ActionData{fetch->sha256, fetch->offset, wire::Bytes{std::move(*data)}});
    } else {
      result = std::move(data).error();
    }
  } else {
    return std::nullopt;
  }
  return result ? std::move(*result) : wire::Message(wire::refusal(result.error()));
}

Result<wire::Message> BrokerShell::wanted(const wire::ActionPut& put) {
  auto offset = contents_.wanted(put.sha256, put.bytes, loop_.now());
  if (!offset) return std::move(offset).error();
  return wire::Message(wire::ActionWanted{put.sha256, *offset});
}

void BrokerShell::tick() {
  contents_.drop_silent_parts(loop_.now());
  carry_out(core_.tick(loop_.now(), unix_ms()));
}

// Only what is complete: an upload whose name was not stored yet is asked for again by weirctl.
void BrokerShell::remove_unused_contents() {
  const auto contents = contents_.list();
  if (!contents) return log::warn(contents.error().what);
  const std::set<std::string> in_use = core_.contents_in_use();
  for (const content::Content& content : *contents) {
    if (in_use.contains(content.sha256)) continue;
    if (auto removed = contents_.remove(content.sha256); !removed) log::warn(removed.error().what);
  }
}

void BrokerShell::carry_out(const Effects& effects) {
  if (failed_) return;
  failpoint("broker.decided");
  if (!effects.writes.empty()) {
    if (auto written = store_->write(effects.writes); !written) {
      log::error(written.error().what);
      failed_ = true;
      loop_.stop();
      return;
    }
    failpoint("broker.written");
  }
  for (const Outgoing& one : effects.sends) send(one.peer, one.envelope);
  failpoint("broker.sent");
  for (const Probe& probe : effects.probes) {
    prober_.ask(probe.endpoints, [this, agent = probe.agent](bool answered) {
      core_.probed(agent, answered, loop_.now());
    });
  }
  if (effects.contents_changed) remove_unused_contents();
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
