#include "ctl/up/stdin_feed.h"

#include <unistd.h>

#include <cerrno>

#include "schema/base/files.h"
#include "schema/wire/control.h"

namespace weir::ctl {

using runtime::Interest;

StdinFeed::StdinFeed(runtime::Loop& loop, runtime::ZmqContext& context, StdinConfig config,
                     Events events)
    : loop_(loop), context_(context), config_(std::move(config)), events_(std::move(events)) {}

StdinFeed::~StdinFeed() {
  loop_.cancel(timer_);
  loop_.unwatch(stdin_watch_);
  loop_.unwatch(socket_watch_);
}

Status StdinFeed::open() {
  std::optional<StdinDurable> before;
  if (!config_.state_file.empty()) {
    Result<SlotFile> file = SlotFile::open(config_.state_file, kStateBytesMax);
    if (!file) return std::move(file).error();
    state_file_.emplace(*std::move(file));
    if (!state_file_->content().empty()) {
      Result<StdinDurable> durable = decode_stdin(state_file_->content());
      if (!durable) return std::move(durable).error().in(config_.state_file);
      before = *durable;
    }
  }
  Result<uint64_t> nonce = random_number();
  if (!nonce) return std::move(nonce).error();
  edge::EdgeName name{config_.pipeline, std::string(wire::kWeirctlName),
                      wire::lane_name(config_.node, 0)};
  lane_ = std::make_unique<StdinLane>(std::move(name), *nonce, config_.delimiter, before);
  if (Status kept = keep(Sync::kYes); !kept) return kept;
  buffer_.resize(StdinLane::kReadBytes);
  if (config_.open) {
    stdin_watch_ = loop_.watch_fd(STDIN_FILENO, Interest::kNone, [this](runtime::Ready ready) {
      if (ready.readable) read_some();
    });
  }
  timer_ = loop_.every(std::chrono::milliseconds(250), [this] { tick(); });
  return {};
}

Status StdinFeed::keep(Sync sync) {
  return state_file_ ? state_file_->write(encode(lane_->durable()), sync) : Status();
}

// ---- the wrapper

void StdinFeed::connect(const std::string& endpoint) {
  if (closed_ || endpoint.empty() || endpoint == endpoint_) return;
  endpoint_ = endpoint;
  reconnect();
}

void StdinFeed::disconnect() {
  loop_.unwatch(socket_watch_);
  socket_.reset();
  lane_->disconnected();
}

void StdinFeed::reconnect() {
  disconnect();
  runtime::SocketOptions options;
  options.send_hwm = options.receive_hwm = 80'000;  // Credit bounds what is under way.
  options.message_bytes_max = static_cast<int64_t>(edge::kEdgeMessageBytesMax);
  Result<runtime::ZmqSocket> socket = runtime::ZmqSocket::dealer(context_, options);
  if (!socket) return events_.on_error(socket.error());
  socket_.emplace(*std::move(socket));
  if (Status connected = socket_->connect(endpoint_); !connected) {
    socket_.reset();
    return events_.on_error(connected.error());
  }
  socket_watch_ = loop_.watch_socket(*socket_, [this] { receive(); });
  send(lane_->hello(loop_.now()));
}

void StdinFeed::send(const edge::Frame& frame) {
  const std::string bytes = edge::encode(frame);
  // What cannot be sent is said again: HELLO and PING are repeated.
  if (socket_) (void)socket_->send({std::string_view(bytes)});
}

void StdinFeed::receive() {
  for (int i = 0; i < kMessagesPerTurn && socket_; ++i) {
    const Result<bool> got = socket_->receive(parts_);
    if (!got || !*got) return;
    if (parts_.size() != 1) continue;
    const Result<edge::Frame> frame = edge::decode(parts_[0].view());
    if (!frame) continue;
    if (std::holds_alternative<edge::Welcome>(*frame)) met_ = true;
    if (const auto answer = lane_->on_frame(*frame, loop_.now())) send(*answer);
  }
}

void StdinFeed::tick() {
  if (closed_ || !socket_) return;
  switch (lane_->tick(loop_.now())) {
    case edge::EdgeWriter::Tick::kNothing:
      break;
    case edge::EdgeWriter::Tick::kHello:
      send(lane_->hello(loop_.now()));
      break;
    case edge::EdgeWriter::Tick::kPing:
      send(lane_->ping(loop_.now()));
      break;
    case edge::EdgeWriter::Tick::kReconnect:
      reconnect();
      break;
  }
}

void StdinFeed::turn() {
  if (closed_ || !lane_) return;
  if (!lane_->refusal().empty() && lane_->refusal() != told_refusal_) {
    told_refusal_ = lane_->refusal();
    events_.on_note("refuses standard input: " + told_refusal_);
  }
  for (int i = 0; i < kBlocksPerTurn; ++i) {
    const wire::Block* block = lane_->to_send();
    if (block == nullptr) break;
    runtime::Message message =
        runtime::Message::shared(block->bytes.data, block->bytes.size, block->bytes.owner);
    const Result<runtime::SendStatus> sent = socket_->send(std::span(&message, 1));
    if (!sent || *sent != runtime::SendStatus::kSent) break;
    lane_->sent(*block);
  }
  if (met_ && lane_->was_ended_before() && !told_ended_) {
    told_ended_ = true;
    events_.on_note(
        "an earlier run has read its standard input to the end; this one's is not read");
  }
  if (met_ && !config_.open) lane_->end();
  const bool reads = met_ && lane_->wants_input();
  if (config_.open) loop_.set_interest(stdin_watch_, reads ? Interest::kRead : Interest::kNone);
}

// ---- stdin

// One read for each time that stdin is readable: it does not block then, although stdin, which
// others share, is not set to non-blocking.
void StdinFeed::read_some() {
  const ssize_t count = ::read(STDIN_FILENO, buffer_.data(), buffer_.size());
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (count < 0) {
    loop_.set_interest(stdin_watch_, Interest::kNone);
    return events_.on_error(errno_error("read standard input", errno));
  }
  if (count == 0) {
    lane_->end();
  } else {
    lane_->added({buffer_.data(), static_cast<size_t>(count)});
  }
}

void StdinFeed::close() {
  if (closed_ || !lane_) return;
  closed_ = true;
  if (config_.open) loop_.set_interest(stdin_watch_, Interest::kNone);
  disconnect();
  if (Status kept = keep(Sync::kNo); !kept) events_.on_note(kept.error().what);
}

}  // namespace weir::ctl
