// ZeroMQ behind Result: the only place that includes cppzmq in what is shipped. No exception of it
// crosses this.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#include <zmq.hpp>

#include "schema/base/peer.h"
#include "schema/base/result.h"
#include "schema/base/shared_bytes.h"
#include "schema/runtime/local_listener.h"

namespace weir::runtime {

// The one ZeroMQ context of a process; lives as long as the process has sockets. After it exists
// the process must not fork without exec.
class ZmqContext {
 public:
  explicit ZmqContext(int io_threads = 2);

 private:
  friend class ZmqSocket;

  zmq::context_t context_;  // All sockets are closed when it goes.
};

// One frame, owned. Moving it is cheap; the bytes stay where they are unless they are few (ZeroMQ
// keeps up to 33 bytes inside the frame), so a view does not survive a move.
class Message {
 public:
  Message() = default;                       // Empty.
  explicit Message(std::string_view bytes);  // A copy.
  explicit Message(std::span<const std::byte> bytes);
  // Sends `size` bytes at `data` without a copy. `owner` keeps them alive and unchanged until the
  // message was written to the network or dropped; it is released on any thread, most often
  // ZeroMQ's I/O thread, so what it frees must be thread safe.
  static Message shared(const void* data, std::size_t size, std::shared_ptr<const void> owner);

  const void* data() const { return frame_.data(); }
  std::size_t size() const { return frame_.size(); }
  std::string_view view() const { return frame_.to_string_view(); }
  std::span<const std::byte> bytes() const { return {frame_.data<std::byte>(), size()}; }
  // Another reference to the same bytes; small ones are copied. For one block to many readers.
  Message share() const;
  // A property of the connection it came over ("Peer-Address", "User-Id"). Ask the last frame of a
  // message: the first one may lack it after a poll.
  std::optional<std::string> property(const char* name) const;
  // The bytes, without a copy. The message is empty then.
  SharedBytes to_shared() &&;

 private:
  friend class ZmqSocket;

  explicit Message(zmq::message_t frame) : frame_(std::move(frame)) {}

  mutable zmq::message_t frame_;  // mutable: cppzmq copies from non-const ones only.
};

// Who sent a message that a ROUTER received: `parts` begins with the routing id.
Peer peer_of(std::span<const Message> parts, Peer::Role role);

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
// and 6 s, handshake 5 s, reconnect 20 ms to 1 s, no routing id (a peer that comes back is a new
// peer). A DEALER has exactly one endpoint; a host in
// it is a number. All calls but wait() are non-blocking. Thread: one, the
// loop thread.
class ZmqSocket {
 public:
  static Result<ZmqSocket> router(ZmqContext& context, const SocketOptions& options);
  static Result<ZmqSocket> dealer(ZmqContext& context, const SocketOptions& options);

  // Binds ("tcp://127.0.0.1:*" for any port) and returns the endpoint with its real port. A local
  // one ("ipc://PATH") is removed when the socket goes; see LocalListener for what it leaves alone.
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

  // Blocks until there is something to receive, or `limit` has passed (false). For programs
  // without a loop.
  bool wait(std::chrono::milliseconds limit);

 private:
  friend class SocketView;

  explicit ZmqSocket(zmq::socket_t socket) : socket_(std::move(socket)) {}
  static Result<ZmqSocket> open(ZmqContext& context, zmq::socket_type type,
                                const SocketOptions& options);

  Status bind_local(const std::string& path);

  std::vector<LocalListener> listeners_;
  zmq::socket_t socket_;  // Whoever watches it unwatches it first.
};

// What the loop sees of a socket; valid until the socket is closed, also when that is moved.
class SocketView {
 public:
  explicit SocketView(ZmqSocket& socket) : socket_(socket.socket_) {}

  // Edge-triggered, and only says "look".
  int fd() const;
  // This is the look: whether there is something to receive. It also handles the socket's pending
  // commands, which re-arms the descriptor.
  bool readable() const;

 private:
  zmq::socket_ref socket_;
};

}  // namespace weir::runtime
