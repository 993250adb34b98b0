// The sockets of a wrapper's edges: one ROUTER where the writers of its inputs connect, one DEALER
// for each reader of its lane. Frames and blocks go straight to and from the node. Thread: loop.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "schema/edge/listener.h"
#include "schema/runtime/loop.h"
#include "schema/runtime/zmq_socket.h"
#include "schema/wire/block.h"
#include "schema/wire/order.h"
#include "wrapper/core/node.h"
#include "wrapper/core/reader_endpoints.h"

namespace weir::shell {

// Where the writers of a node's inputs connect; both empty without inputs.
struct LaneEndpoints {
  std::string local;
  std::string remote;  // Empty: no lane comes from another host.
};

class Edges {
 public:
  Edges(runtime::Loop& loop, runtime::ZmqContext& context);
  ~Edges();

  // Binds for the inputs of `node`, which must outlive this.
  Result<LaneEndpoints> open(core::Node& node, const wire::StartOrder& order);
  // The readers as they are now; those whose endpoint changed are connected anew.
  void set_readers(const std::vector<wire::ReaderOrder>& readers);

  void to_writer(size_t input, const edge::Frame& frame);
  void to_reader(size_t reader, const edge::Frame& frame);
  bool block_to_reader(size_t reader, const wire::Block& block);
  // Nothing came back from this reader for too long. Said once until it speaks.
  void give_up(size_t reader);

  // Messages that were no frame or block of this protocol, or came from nobody we know.
  uint64_t refused_messages() const {
    return refused_ + (listener_ ? listener_->refused_messages() : 0);
  }

 private:
  struct Link {
    std::optional<runtime::ZmqSocket> socket;
    runtime::WatchId watch = runtime::WatchId::kNone;
    bool given_up = false;
  };

  static constexpr int kMessagesPerTurn = 64;
  static runtime::SocketOptions options();
  void connect(size_t reader);
  void reconnect(size_t reader);
  void disconnect(size_t reader);
  void receive_from_writers();
  void receive_from_reader(size_t reader);
  void send_to(const std::string& route, const edge::Frame& frame);

  runtime::Loop& loop_;
  runtime::ZmqContext& context_;
  core::Node* node_ = nullptr;
  std::optional<runtime::ZmqSocket> router_;
  runtime::WatchId router_watch_ = runtime::WatchId::kNone;
  std::optional<edge::Listener> listener_;
  std::optional<core::ReaderEndpoints> endpoints_;
  std::vector<Link> links_;  // By reader.
  std::vector<runtime::Message> parts_;
  uint64_t refused_ = 0;
};

}  // namespace weir::shell
