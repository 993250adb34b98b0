#include "broker/shell/broker_shell.h"

#include <utility>

#include "schema/base/failpoint.h"
#include "schema/base/log.h"

namespace weir::broker {
namespace {

constexpr auto kTick = std::chrono::milliseconds(250);
constexpr auto kProbeLimit = std::chrono::milliseconds(900);
constexpr int kMessagesPerTurn = 64;  // Then the timers and signals have their turn.
constexpr int64_t kSocketSlackBytes = 1 << 16;
constexpr size_t kListenersMax = 127;

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
                                                         const std::vector<std::string>& listen) {
  auto records = store->load();
  if (!records) return std::move(records).error();
  std::vector<StoreWrite> writes;
  auto core = BrokerCore::recover(*records, writes);
  if (!core) return std::move(core).error();
  if (auto written = store->write(writes); !written) return Error(written.error());
  auto contents = Contents::open(loop, actions);
  if (!contents) return std::move(contents).error();
  std::unique_ptr<BrokerShell> shell(
      new BrokerShell(loop, std::move(store), std::move(*contents), std::move(*core)));
  for (const std::string& endpoint : listen) {
    if (auto listens = shell->listen(context, endpoint); !listens) return Error(listens.error());
  }
  shell->contents_->keep_only(shell->core_.contents_in_use());
  return shell;
}

BrokerShell::BrokerShell(runtime::Loop& loop, std::unique_ptr<Store> store,
                         std::unique_ptr<Contents> contents, BrokerCore core)
    : loop_(loop),
      store_(std::move(store)),
      contents_(std::move(contents)),
      core_(std::move(core)),
      prober_(loop) {
  timer_ = loop_.every(kTick, [this] { tick(); });
}

BrokerShell::~BrokerShell() {
  for (const auto& listener : listeners_) loop_.unwatch(listener->watch);
  loop_.cancel(timer_);
}

Status BrokerShell::listen(runtime::ZmqContext& context, const std::string& endpoint) {
  auto socket = runtime::ZmqSocket::router(context, socket_options());
  if (!socket) return std::move(socket).error();
  auto bound = socket->bind(endpoint);
  if (!bound) return std::move(bound).error();
  const size_t number = listeners_.size();
  WEIR_CHECK(number < kListenersMax, "too many listeners");
  listeners_.push_back(std::make_unique<Listener>(Listener{std::move(*socket), *bound, {}}));
  Listener& made = *listeners_.back();
  made.watch = loop_.watch_socket(made.socket, [this, number] { receive_some(number); });
  return {};
}

std::vector<std::string> BrokerShell::endpoints() const {
  std::vector<std::string> all;
  for (const auto& listener : listeners_) all.push_back(listener->endpoint);
  return all;
}

// What comes at once is decided about at once, and written at once: the more there is to do, the
// less each message costs.
void BrokerShell::receive_some(size_t listener) {
  std::vector<runtime::Message> parts;
  for (int i = 0; i < kMessagesPerTurn && !failed_; ++i) {
    const auto got = listeners_[listener]->socket.receive(parts);
    if (!got) {
      log::warn(got.error().what);
      continue;
    }
    if (!*got) break;
    take(listener, parts);
  }
  carry_out(core_.decide());
}

void BrokerShell::take(size_t listener, const std::vector<runtime::Message>& parts) {
  if (parts.size() != 2) return log::warn("dropped a message that is not one part");
  std::string peer(1, static_cast<char>(listener));
  peer += parts[0].view();
  auto envelope = wire::decode(parts[1].view());
  if (!envelope) {
    log::warn(envelope.error().what);
    send(peer, {wire::request_of(parts[1].view()), wire::refusal(envelope.error())});
    return;
  }
  if (ask_contents(peer, *envelope)) return;
  core_.take(peer, std::move(*envelope), loop_.now(), unix_ms());
}

void BrokerShell::answer(const std::string& peer, const std::string& request,
                         Result<wire::Message> message) {
  send(peer, {request, message ? *std::move(message) : wire::refusal(message.error())});
}

bool BrokerShell::ask_contents(const std::string& peer, wire::Envelope& envelope) {
  const std::string& request = envelope.request;
  if (std::holds_alternative<wire::ActionPut>(envelope.message)) {
    on_put(peer, std::move(envelope));
    return true;
  }
  if (auto* chunk = std::get_if<wire::ActionChunk>(&envelope.message)) {
    contents_->add(chunk->sha256, chunk->offset, std::move(chunk->data.value),
                   [this, peer, request, sha256 = chunk->sha256](Result<uint64_t> next) {
                     if (!next) return answer(peer, request, std::move(next).error());
                     answer(peer, request, wire::Message(wire::ActionWanted{sha256, *next}));
                   });
    return true;
  }
  if (const auto* fetch = std::get_if<wire::ActionFetch>(&envelope.message)) {
    contents_->read(fetch->sha256, fetch->offset, wire::kActionChunkBytesMax,
                    [this, peer, request, fetch = *fetch](Result<std::string> data) {
                      if (!data) return answer(peer, request, std::move(data).error());
                      answer(peer, request,
                             wire::Message(wire::ActionData{fetch.sha256, fetch.offset,
                                                            wire::Bytes{*std::move(data)}}));
                    });
    return true;
  }
  return false;
}

// The core hears of it once all of the content is there.
void BrokerShell::on_put(const std::string& peer, wire::Envelope envelope) {
  const auto put = std::get<wire::ActionPut>(envelope.message);
  contents_->wanted(
      put.sha256, put.bytes,
      [this, peer, put, envelope = std::move(envelope)](Result<uint64_t> next) mutable {
        if (!next) return answer(peer, envelope.request, std::move(next).error());
        if (*next != put.bytes) {
          return answer(peer, envelope.request,
                        wire::Message(wire::ActionWanted{put.sha256, *next}));
        }
        core_.take(peer, std::move(envelope), loop_.now(), unix_ms());
        carry_out(core_.decide());
      });
}

void BrokerShell::tick() {
  contents_->drop_silent_parts();
  carry_out(core_.tick(loop_.now(), unix_ms()));
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
    prober_.ask(probe.endpoints, kProbeLimit,
                [this, agent = probe.agent](const Result<std::string>& answered) {
                  core_.probed(agent, answered.has_value(), loop_.now());
                });
  }
  if (effects.contents_changed) contents_->keep_only(core_.contents_in_use());
}

// What is not sent is not queued: agents ask again each second, and weirctl repeats its request.
void BrokerShell::send(const std::string& peer, const wire::Envelope& envelope) {
  auto bytes = wire::encode(envelope);
  if (!bytes) {
    log::error(bytes.error().what);
    bytes = wire::encode({envelope.request, wire::refusal(bytes.error())});
    if (!bytes) return;
  }
  const auto listener = static_cast<size_t>(peer.at(0));
  const auto sent =
      listeners_.at(listener)->socket.send({std::string_view(peer).substr(1), *bytes});
  if (!sent) log::warn(sent.error().what);
}

}  // namespace weir::broker
