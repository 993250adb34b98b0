// ZeroMQ behind Result: the only place that knows its C API.
#pragma once

#include <zmq.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/result.h"

namespace weir::runtime {

// The one ZeroMQ context of a process; lives as long as the process has sockets. After it exists
// the process must not fork without exec.
class ZmqContext {
 public:
  explicit ZmqContext(int io_threads = 2);
  ZmqContext(const ZmqContext&) = delete;
  ZmqContext& operator=(const ZmqContext&) = delete;
  ~ZmqContext();  // All sockets are closed by then. Unsent messages are dropped (linger 0).

  void* get() const { return context_; }

 private:
  void* context_;
};

// One frame, owned. Moving it is cheap; the bytes stay where they are unless they are few (ZeroMQ
// keeps up to 33 bytes inside the frame), so a view does not survive a move.
class Message {
 public:
  Message();                                 // Empty.
  explicit Message(std::string_view bytes);  // A copy.
  explicit Message(std::span<const std::byte> bytes);
  // Sends `size` bytes at `data` without a copy. `owner` keeps them alive and unchanged until the
  // message was written to the network or dropped; it is released on any thread, most often
  // ZeroMQ's I/O thread, so what it frees must be thread safe.
  static Message shared(const void* data, std::size_t size, std::shared_ptr<const void> owner);

  Message(Message&& other) noexcept;
  Message& operator=(Message&& other) noexcept;
  ~Message();

  const void* data() const { return zmq_msg_data(&message_); }
  std::size_t size() const { return zmq_msg_size(&message_); }
  std::string_view view() const { return {static_cast<const char*>(data()), size()}; }
  std::span<const std::byte> bytes() const {
    return {static_cast<const std::byte*>(data()), size()};
  }
  // Another reference to the same bytes; small ones are copied. For one block to many readers.
  Message share() const;
  // A property of the connection it came over ("Peer-Address", "User-Id"). Ask the last frame of a
  // message: the first one may lack it after a poll.
  std::optional<std::string> property(const char* name) const;

  zmq_msg_t* raw() { return &message_; }

 private:
  mutable zmq_msg_t message_;  // mutable: the C API takes no const pointers.
};

struct SocketOptions {
  // Messages that wait in memory per peer, each way. Credit bounds the bytes; this is the backstop.
  int send_hwm = 128;
  int receive_hwm = 128;
  // A longer message ends the connection, and a connecting socket does not come back from that:
  // senders check their own limit, and who hears nothing makes a new socket.
  std::int64_t message_bytes_max = 2 << 20;
  // Nothing is queued before the connection stands: send says kWouldBlock until then, and what is
  // queued when it breaks is dropped instead of going to the next peer at that address.
  bool only_when_connected = false;
};

enum class SendStatus {
  kSent,        // Queued in this process; says nothing about arrival.
  kWouldBlock,  // The queue to this peer is full (or there is no connection yet). Not sent.
  kNoPeer,      // ROUTER: nobody has this routing id, any more. Not sent.
};

// A ROUTER or DEALER socket with everything set that libzmq leaves open: linger 0, heartbeats 2 s
// and 6 s, handshake 5 s, reconnect 20 ms to 1 s, IPv4 (IPv6 for an address in brackets), no
// routing id (a peer that comes back is a new peer). A DEALER has exactly one endpoint. All calls
// are non-blocking. Thread: one, the loop thread.
class ZmqSocket {
 public:
  static Result<ZmqSocket> router(ZmqContext& context, const SocketOptions& options);
  static Result<ZmqSocket> dealer(ZmqContext& context, const SocketOptions& options);
  ZmqSocket(ZmqSocket&& other) noexcept;
  ZmqSocket& operator=(ZmqSocket&& other) noexcept;
  ~ZmqSocket();  // Whoever watches it unwatches it first.

  // Binds ("tcp://127.0.0.1:*" for any port) and returns the endpoint with its real port.
  // kConflict when the address is in use.
  Result<std::string> bind(const std::string& endpoint);
  // Begins to connect. Succeeds although nobody listens there yet.
  Status connect(const std::string& endpoint);

  // Sends all parts as one message; for a ROUTER the first part is the routing id. The parts are
  // used up on kSent and unspecified otherwise. Errors: kIo.
  Result<SendStatus> send(std::span<Message> parts);
  // Copies.
  Result<SendStatus> send(std::initializer_list<std::string_view> parts);

  // Puts the parts of the next message into `parts` (cleared first; its capacity is kept) and
  // returns whether there was one. A message of more than `parts_max` parts is kCorrupt and is
  // dropped: the socket goes on. For a ROUTER the first part is the routing id.
  Result<bool> receive(std::vector<Message>& parts, std::size_t parts_max = 8);

  // For Loop::watch_socket.
  void* get() const { return socket_; }

 private:
  explicit ZmqSocket(void* socket) : socket_(socket) {}
  static Result<ZmqSocket> open(ZmqContext& context, int type, const SocketOptions& options);

  void* socket_ = nullptr;
};

}  // namespace weir::runtime
