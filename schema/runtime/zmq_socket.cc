#include "schema/runtime/zmq_socket.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

namespace weir::runtime {
namespace {

// ZeroMQ passes a message from thread to thread by queues of its own, and Debian's library is not
// instrumented: ThreadSanitizer has to be told that what we did before is seen after.
#ifdef __SANITIZE_THREAD__
void before_hand_over(void* token) { __tsan_release(token); }
void after_hand_over(void* token) { __tsan_acquire(token); }
#else
void before_hand_over(void*) {}
void after_hand_over(void*) {}
#endif

Error zmq_error(std::string_view action, int error = zmq_errno()) {
  std::string text(action);
  text += ": ";
  text += zmq_strerror(error);
  ErrorCode code = ErrorCode::kIo;
  if (error == EADDRINUSE) code = ErrorCode::kConflict;
  if (error == EINVAL || error == EPROTONOSUPPORT) code = ErrorCode::kInvalid;
  if (error == EMFILE || error == ENFILE) code = ErrorCode::kLimit;
  return Error{code, std::move(text)};
}

// On any thread.
void release_owner(void*, void* hint) {
  after_hand_over(hint);
  delete static_cast<std::shared_ptr<const void>*>(hint);
}

struct IntOption {
  int name;
  int value;
  const char* text;
};

Status set_options(void* socket, int type, const SocketOptions& options) {
  const std::array<IntOption, 14> ints = {{
      {ZMQ_LINGER, 0, "linger"},
      {ZMQ_SNDHWM, options.send_hwm, "send_hwm"},
      {ZMQ_RCVHWM, options.receive_hwm, "receive_hwm"},
      {ZMQ_HEARTBEAT_IVL, 2000, "heartbeat"},
      {ZMQ_HEARTBEAT_TIMEOUT, 6000, "heartbeat timeout"},
      {ZMQ_HEARTBEAT_TTL, 6000, "heartbeat ttl"},
      {ZMQ_HANDSHAKE_IVL, 5000, "handshake"},
      {ZMQ_CONNECT_TIMEOUT, 5000, "connect timeout"},
      {ZMQ_RECONNECT_IVL, 20, "reconnect"},
      {ZMQ_RECONNECT_IVL_MAX, 1000, "reconnect max"},
      {ZMQ_IPV6, 0, "ipv6"},
      {ZMQ_IMMEDIATE, options.only_when_connected ? 1 : 0, "immediate"},
      // Only for a ROUTER, so it stays the last.
      {ZMQ_ROUTER_MANDATORY, 1, "mandatory"},
      {0, 0, nullptr},
  }};
  for (const IntOption& option : ints) {
    if (option.text == nullptr) break;
    if (option.name == ZMQ_ROUTER_MANDATORY && type != ZMQ_ROUTER) continue;
    if (zmq_setsockopt(socket, option.name, &option.value, sizeof option.value) != 0) {
      return zmq_error(std::string("set socket option ") + option.text);
    }
  }
  const std::int64_t bytes_max = options.message_bytes_max;
  if (zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &bytes_max, sizeof bytes_max) != 0) {
    return zmq_error("set socket option message_bytes_max");
  }
  return {};
}

// IPv6 only where an address says so: with it a name such as localhost would mean another one.
void allow_ipv6(void* socket, const std::string& endpoint) {
  const int on = 1;
  if (endpoint.find('[') == std::string::npos) return;
  zmq_setsockopt(socket, ZMQ_IPV6, &on, sizeof on);  // If it cannot be, bind and connect say so.
}

}  // namespace

// ---- context

ZmqContext::ZmqContext(int io_threads) : context_(zmq_ctx_new()) {
  WEIR_CHECK(context_ != nullptr, "no ZeroMQ context");
  zmq_ctx_set(context_, ZMQ_IO_THREADS, io_threads);
}

ZmqContext::~ZmqContext() {
  while (zmq_ctx_term(context_) != 0 && zmq_errno() == EINTR) {
  }
}

// ---- message

Message::Message() { zmq_msg_init(&message_); }

Message::Message(std::string_view bytes) {
  WEIR_CHECK(zmq_msg_init_size(&message_, bytes.size()) == 0, "out of memory");
  if (!bytes.empty()) std::memcpy(zmq_msg_data(&message_), bytes.data(), bytes.size());
}

Message::Message(std::span<const std::byte> bytes)
    : Message(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size())) {}

Message Message::shared(const void* data, std::size_t size, std::shared_ptr<const void> owner) {
  Message message;
  auto hint = std::make_unique<std::shared_ptr<const void>>(std::move(owner));
  before_hand_over(hint.get());
  // ZeroMQ does not write to it; its API has no const.
  WEIR_CHECK(zmq_msg_init_data(&message.message_, const_cast<void*>(data), size, release_owner,
                               hint.get()) == 0,
             "out of memory");
  hint.release();  // NOLINT(bugprone-unused-return-value): the message has it now.
  return message;
}

Message::Message(Message&& other) noexcept {
  zmq_msg_init(&message_);
  zmq_msg_move(&message_, &other.message_);
}

Message& Message::operator=(Message&& other) noexcept {
  if (this != &other) zmq_msg_move(&message_, &other.message_);
  return *this;
}

Message::~Message() { zmq_msg_close(&message_); }

Message Message::share() const {
  Message copy;
  WEIR_CHECK(zmq_msg_copy(&copy.message_, &message_) == 0, "copy of a closed message");
  return copy;
}

std::optional<std::string> Message::property(const char* name) const {
  const char* value = zmq_msg_gets(&message_, name);
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

// ---- socket

Result<ZmqSocket> ZmqSocket::open(ZmqContext& context, int type, const SocketOptions& options) {
  void* raw = zmq_socket(context.get(), type);
  if (raw == nullptr) return zmq_error("open a ZeroMQ socket");
  ZmqSocket socket(raw);
  if (Status set = set_options(raw, type, options); !set) return std::move(set).error();
  return socket;
}

Result<ZmqSocket> ZmqSocket::router(ZmqContext& context, const SocketOptions& options) {
  return open(context, ZMQ_ROUTER, options);
}

Result<ZmqSocket> ZmqSocket::dealer(ZmqContext& context, const SocketOptions& options) {
  return open(context, ZMQ_DEALER, options);
}

ZmqSocket::ZmqSocket(ZmqSocket&& other) noexcept : socket_(std::exchange(other.socket_, nullptr)) {}

ZmqSocket& ZmqSocket::operator=(ZmqSocket&& other) noexcept {
  if (this != &other) {
    if (socket_ != nullptr) zmq_close(socket_);
    socket_ = std::exchange(other.socket_, nullptr);
  }
  return *this;
}

ZmqSocket::~ZmqSocket() {
  if (socket_ != nullptr) zmq_close(socket_);
}

Result<std::string> ZmqSocket::bind(const std::string& endpoint) {
  allow_ipv6(socket_, endpoint);
  if (zmq_bind(socket_, endpoint.c_str()) != 0) return zmq_error("bind " + endpoint);
  std::array<char, 512> last{};
  std::size_t size = last.size();
  if (zmq_getsockopt(socket_, ZMQ_LAST_ENDPOINT, last.data(), &size) != 0) {
    return zmq_error("endpoint of " + endpoint);
  }
  return std::string(last.data());
}

Status ZmqSocket::connect(const std::string& endpoint) {
  allow_ipv6(socket_, endpoint);
  if (zmq_connect(socket_, endpoint.c_str()) != 0) return zmq_error("connect " + endpoint);
  return {};
}

Result<SendStatus> ZmqSocket::send(std::span<Message> parts) {
  WEIR_CHECK(!parts.empty(), "a message without parts");
  int failure = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const int flags = ZMQ_DONTWAIT | (i + 1 < parts.size() ? ZMQ_SNDMORE : 0);
    int sent = -1;
    do {
      sent = zmq_msg_send(parts[i].raw(), socket_, flags);
    } while (sent < 0 && zmq_errno() == EINTR);
    if (sent >= 0) continue;
    if (failure == 0) failure = zmq_errno();
    // When the peer goes away in the middle of a message, ZeroMQ swallows the rest of it up to its
    // last part; not giving it that rest would make it swallow the next message instead.
    if (i == 0) break;
  }
  if (failure == 0) return SendStatus::kSent;
  if (failure == EAGAIN) return SendStatus::kWouldBlock;
  if (failure == EHOSTUNREACH) return SendStatus::kNoPeer;
  return zmq_error("send", failure);
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
  bool more = true;
  while (more) {
    Message message;
    int received = -1;
    do {
      received = zmq_msg_recv(message.raw(), socket_, ZMQ_DONTWAIT);
    } while (received < 0 && zmq_errno() == EINTR);
    if (received < 0) {
      // The parts of a message arrive together, so this is the first.
      if (zmq_errno() == EAGAIN) return false;
      return zmq_error("receive");
    }
    more = zmq_msg_more(message.raw()) != 0;
    if (parts.size() < parts_max) {
      parts.push_back(std::move(message));
    } else {
      too_many = true;
    }
  }
  if (too_many) {
    parts.clear();
    return Error{ErrorCode::kCorrupt,
                 "a message of more than " + std::to_string(parts_max) + " parts"};
  }
  return true;
}

}  // namespace weir::runtime
