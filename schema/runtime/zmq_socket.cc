#include "schema/runtime/zmq_socket.h"

#include <cerrno>
#include <utility>

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

namespace weir::runtime {
namespace {

constexpr std::string_view kLocal = "ipc://";

// ZeroMQ passes a message from thread to thread by queues of its own, and Debian's library is not
// instrumented: ThreadSanitizer has to be told that what we did before is seen after.
#ifdef __SANITIZE_THREAD__
void before_hand_over(void* token) { __tsan_release(token); }
void after_hand_over(void* token) { __tsan_acquire(token); }
#else
void before_hand_over(void*) {}
void after_hand_over(void*) {}
#endif

Error zmq_error(std::string_view action, const zmq::error_t& error) {
  std::string text(action);
  text += ": ";
  text += error.what();
  ErrorCode code = ErrorCode::kIo;
  if (error.num() == EADDRINUSE) code = ErrorCode::kConflict;
  if (error.num() == EINVAL || error.num() == EPROTONOSUPPORT) code = ErrorCode::kInvalid;
  if (error.num() == EMFILE || error.num() == ENFILE) code = ErrorCode::kLimit;
  return Error{code, std::move(text)};
}

// Does it once more as long as a signal interrupts it.
template <typename Call>
auto uninterrupted(Call call) {
  while (true) {
    try {
      return call();
    } catch (const zmq::error_t& error) {
      if (error.num() != EINTR) throw;
    }
  }
}

// For what can fail only for want of memory, or by a mistake of ours.
template <typename Call>
auto or_die(Call call) {
  try {
    return call();
  } catch (const zmq::error_t& error) {
    WEIR_CHECK(false, std::string("ZeroMQ: ") + error.what());
    throw;
  }
}

// On any thread.
void release_owner(void*, void* hint) {
  after_hand_over(hint);
  delete static_cast<std::shared_ptr<const void>*>(hint);
}

void set_options(zmq::socket_t& socket, zmq::socket_type type, const SocketOptions& options) {
  namespace opt = zmq::sockopt;
  socket.set(opt::linger, 0);
  socket.set(opt::sndhwm, options.send_hwm);
  socket.set(opt::rcvhwm, options.receive_hwm);
  socket.set(opt::heartbeat_ivl, 2000);
  socket.set(opt::heartbeat_timeout, 6000);
  socket.set(opt::heartbeat_ttl, 6000);
  socket.set(opt::handshake_ivl, 5000);
  socket.set(opt::connect_timeout, 5000);
  socket.set(opt::reconnect_ivl, 20);
  socket.set(opt::reconnect_ivl_max, 1000);
  socket.set(opt::immediate, options.only_when_connected);
  socket.set(opt::maxmsgsize, options.message_bytes_max);
  if (type == zmq::socket_type::router) socket.set(opt::router_mandatory, true);
}

// IPv6 only where an address says so: hosts that have none can do without.
void allow_ipv6(zmq::socket_t& socket, const std::string& endpoint) {
  if (endpoint.find('[') == std::string::npos) return;
  socket.set(zmq::sockopt::ipv6, true);
}

}  // namespace

// ---- context

ZmqContext::ZmqContext(int io_threads)
    : context_(or_die([&] { return zmq::context_t(io_threads); })) {}

// ---- message

Message::Message(std::string_view bytes)
    : frame_(or_die([&] { return zmq::message_t(bytes.data(), bytes.size()); })) {}

Message::Message(std::span<const std::byte> bytes)
    : frame_(or_die([&] { return zmq::message_t(bytes.data(), bytes.size()); })) {}

Message Message::shared(const void* data, std::size_t size, std::shared_ptr<const void> owner) {
  auto hint = std::make_unique<std::shared_ptr<const void>>(std::move(owner));
  before_hand_over(hint.get());
  // ZeroMQ does not write to it; its API has no const.
  Message message(or_die(
      [&] { return zmq::message_t(const_cast<void*>(data), size, release_owner, hint.get()); }));
  hint.release();  // NOLINT(bugprone-unused-return-value): the message has it now.
  return message;
}

Message Message::share() const {
  return Message(or_die([&] {
    zmq::message_t copy;
    copy.copy(frame_);
    return copy;
  }));
}

std::optional<std::string> Message::property(const char* name) const {
  const char* const value = zmq_msg_gets(frame_.handle(), name);
  if (value == nullptr) return std::nullopt;  // There is no such property.
  return std::string(value);
}

SharedBytes Message::to_shared() && {
  // The message must not move any more once its bytes are pointed at.
  auto owner = std::make_shared<Message>(std::move(*this));
  const auto* data = static_cast<const uint8_t*>(owner->data());
  const size_t size = owner->size();
  return SharedBytes{std::move(owner), data, size};
}

Peer peer_of(std::span<const Message> parts, Peer::Role role) {
  return {std::string(parts.front().view()), parts.back().property("User-Id").value_or(""), role};
}

// ---- socket

Result<ZmqSocket> ZmqSocket::open(ZmqContext& context, zmq::socket_type type,
                                  const SocketOptions& options) {
  try {
    zmq::socket_t socket(context.context_, type);
    set_options(socket, type, options);
    return ZmqSocket(std::move(socket));
  } catch (const zmq::error_t& error) {
    return zmq_error("open a ZeroMQ socket", error);
  }
}

Result<ZmqSocket> ZmqSocket::router(ZmqContext& context, const SocketOptions& options) {
  return open(context, zmq::socket_type::router, options);
}

Result<ZmqSocket> ZmqSocket::dealer(ZmqContext& context, const SocketOptions& options) {
  return open(context, zmq::socket_type::dealer, options);
}

Result<std::string> ZmqSocket::bind(const std::string& endpoint) {
  try {
    if (endpoint.starts_with(kLocal)) {
      Status bound = bind_local(endpoint.substr(kLocal.size()));
      if (!bound) return std::move(bound).error().in("bind " + endpoint);
    } else {
      allow_ipv6(socket_, endpoint);
      socket_.bind(endpoint);
    }
    return socket_.get(zmq::sockopt::last_endpoint);
  } catch (const zmq::error_t& error) {
    return zmq_error("bind " + endpoint, error);
  }
}

// With a descriptor that we have bound: ZeroMQ would delete whatever is at the path.
Status ZmqSocket::bind_local(const std::string& path) {
  Result<LocalListener> listener = LocalListener::open(path);
  if (!listener) return std::move(listener).error();
  UniqueFd fd = listener->take_fd();
  socket_.set(zmq::sockopt::use_fd, fd.get());
  socket_.bind(std::string(kLocal) + path);
  (void)fd.release();
  socket_.set(zmq::sockopt::use_fd, -1);
  listeners_.push_back(*std::move(listener));
  return {};
}

Status ZmqSocket::connect(const std::string& endpoint) {
  try {
    allow_ipv6(socket_, endpoint);
    socket_.connect(endpoint);
    return {};
  } catch (const zmq::error_t& error) {
    return zmq_error("connect " + endpoint, error);
  }
}

Result<SendStatus> ZmqSocket::send(std::span<Message> parts) {
  WEIR_CHECK(!parts.empty(), "a message without parts");
  bool blocked = false;
  std::optional<zmq::error_t> failure;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool last = i + 1 == parts.size();
    const auto flags =
        last ? zmq::send_flags::dontwait : zmq::send_flags::dontwait | zmq::send_flags::sndmore;
    bool sent = false;
    try {
      sent = uninterrupted([&] { return socket_.send(parts[i].frame_, flags).has_value(); });
      blocked = blocked || !sent;
    } catch (const zmq::error_t& error) {
      if (!failure && !blocked) failure = error;
    }
    // When the peer goes away in the middle of a message, ZeroMQ swallows the rest of it up to its
    // last part; not giving it that rest would make it swallow the next message instead.
    if (!sent && i == 0) break;
  }
  if (failure && failure->num() != EHOSTUNREACH) return zmq_error("send", *failure);
  if (failure) return SendStatus::kNoPeer;
  return blocked ? SendStatus::kWouldBlock : SendStatus::kSent;
}

Result<SendStatus> ZmqSocket::send(std::initializer_list<std::string_view> parts) {
  std::vector<Message> messages;
  messages.reserve(parts.size());
  for (const std::string_view part : parts) messages.emplace_back(part);
  return send(messages);
}

Result<bool> ZmqSocket::receive(std::vector<Message>& parts, std::size_t parts_max) {
  parts.clear();
  bool too_many = false;
  try {
    for (bool more = true; more;) {
      zmq::message_t frame;
      // The parts of a message arrive together, so only the first can be missing.
      if (!uninterrupted([&] { return socket_.recv(frame, zmq::recv_flags::dontwait); })) {
        return false;
      }
      more = frame.more();
      if (parts.size() < parts_max) {
        parts.push_back(Message(std::move(frame)));
      } else {
        too_many = true;
      }
    }
  } catch (const zmq::error_t& error) {
    return zmq_error("receive", error);
  }
  if (too_many) {
    parts.clear();
    return Error{ErrorCode::kCorrupt,
                 "a message of more than " + std::to_string(parts_max) + " parts"};
  }
  return true;
}

bool ZmqSocket::wait(std::chrono::milliseconds limit) {
  zmq::pollitem_t item{socket_.handle(), 0, ZMQ_POLLIN, 0};
  try {
    return zmq::poll(&item, 1, limit) > 0;
  } catch (const zmq::error_t&) {
    return false;  // Interrupted: the caller looks at its own limit.
  }
}

// ---- the loop's view

int SocketView::fd() const {
  return or_die([&] { return socket_.get(zmq::sockopt::fd); });
}

bool SocketView::readable() const {
  try {
    return (socket_.get(zmq::sockopt::events) & ZMQ_POLLIN) != 0;
  } catch (const zmq::error_t& error) {
    WEIR_CHECK(error.num() == EINTR, "a watched ZeroMQ socket was closed");
    return true;  // Interrupted: let the callback look for itself.
  }
}

}  // namespace weir::runtime
