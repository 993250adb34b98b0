#include "wrapper/shell/edges.h"

#include <utility>

#include "schema/base/log.h"
#include "wrapper/shell/kept_port.h"

namespace weir::shell {
Edges::Edges(runtime::Loop& loop, runtime::ZmqContext& context) : loop_(loop), context_(context) {}

Edges::~Edges() {
  loop_.unwatch(router_watch_);
  for (Link& link : links_) loop_.unwatch(link.watch);
}

runtime::SocketOptions Edges::options() {
  runtime::SocketOptions options;
  // Credit bounds what is under way, in bytes; so many of the smallest blocks fit in it.
  options.send_hwm = options.receive_hwm = 80'000;
  options.message_bytes_max = static_cast<int64_t>(edge::kEdgeMessageBytesMax);
  return options;
}

Result<LaneEndpoints> Edges::open(core::Node& node, const wire::StartOrder& order) {
  node_ = &node;
  listener_.emplace(node, [&node](size_t input, const Error& why) {
    log::warn("a block from " + node.inputs()[input].name + " is refused: " + why.what);
  });
  endpoints_.emplace(order.readers);
  links_.resize(order.readers.size());
  if (order.writers.empty()) return LaneEndpoints();
  Result<runtime::ZmqSocket> socket = runtime::ZmqSocket::router(context_, options());
  if (!socket) return std::move(socket).error();
  router_.emplace(*std::move(socket));
  LaneEndpoints endpoints;
  Result<std::string> local = router_->bind(order.listen);
  if (!local) return std::move(local).error().in("listen on " + order.listen);
  endpoints.local = *std::move(local);
  if (!order.listen_remote.empty()) {
    Result<std::string> remote =
        bind_to_kept_port(*router_, order.listen_remote, order.log_dir + "/port");
    if (!remote) return std::move(remote).error().in("listen on " + order.listen_remote);
    endpoints.remote = *std::move(remote);
  }
  router_watch_ = loop_.watch_socket(*router_, [this] { receive_from_writers(); });
  return endpoints;
}

// ---- readers

void Edges::set_readers(const std::vector<wire::ReaderOrder>& readers) {
  for (const size_t reader : endpoints_->move(readers)) reconnect(reader);
}

void Edges::give_up(size_t reader) {
  if (!std::exchange(links_[reader].given_up, true)) {
    log::warn("reader " + endpoints_->name(reader) + " does not answer: connects anew");
  }
  reconnect(reader);
}

void Edges::reconnect(size_t reader) {
  disconnect(reader);
  connect(reader);
}

void Edges::connect(size_t reader) {
  Link& link = links_[reader];
  const std::string& name = endpoints_->name(reader);
  const std::string& endpoint = endpoints_->endpoint(reader);
  if (endpoint.empty()) return;
  Result<runtime::ZmqSocket> socket = runtime::ZmqSocket::dealer(context_, options());
  if (!socket) return log::error("reader " + name + ": " + socket.error().what);
  link.socket.emplace(*std::move(socket));
  if (Status connected = link.socket->connect(endpoint); !connected) {
    link.socket.reset();
    return log::error("reader " + name + ": " + connected.error().what);
  }
  link.watch = loop_.watch_socket(*link.socket, [this, reader] { receive_from_reader(reader); });
  node_->reader_connected(reader);
}

void Edges::disconnect(size_t reader) {
  Link& link = links_[reader];
  if (!link.socket) return;
  loop_.unwatch(link.watch);
  link.socket.reset();
  node_->reader_disconnected(reader);
}

void Edges::receive_from_reader(size_t reader) {
  for (int i = 0; i < kMessagesPerTurn && links_[reader].socket; ++i) {
    const Result<bool> got = links_[reader].socket->receive(parts_);
    if (!got || !*got) return;
    const Result<edge::Frame> frame =
        parts_.size() == 1 ? edge::decode(parts_[0].view())
                           : Result<edge::Frame>(Error{ErrorCode::kCorrupt, "not one part"});
    if (frame) {
      links_[reader].given_up = false;
      node_->on_reader_frame(reader, *frame);
    } else {
      ++refused_;
    }
  }
}

void Edges::to_reader(size_t reader, const edge::Frame& frame) {
  Link& link = links_[reader];
  if (!link.socket) return;
  // What cannot be sent is said again: HELLO and PING are repeated.
  for (const std::string& bytes : edge::encode_all(frame)) {
    (void)link.socket->send({std::string_view(bytes)});
  }
}

bool Edges::block_to_reader(size_t reader, const wire::Block& block) {
  Link& link = links_[reader];
  if (!link.socket) return false;
  runtime::Message message =
      runtime::Message::shared(block.bytes.data, block.bytes.size, block.bytes.owner);
  const Result<runtime::SendStatus> sent = link.socket->send(std::span(&message, 1));
  return sent && *sent == runtime::SendStatus::kSent;
}

// ---- writers

void Edges::receive_from_writers() {
  for (int i = 0; i < kMessagesPerTurn; ++i) {
    const Result<bool> got = router_->receive(parts_);
    if (!got || !*got) return;
    if (parts_.size() != 2) {
      ++refused_;
      continue;
    }
    const Peer writer = runtime::peer_of(parts_, Peer::Role::kWriter);
    const auto answer = listener_->on_message(writer, std::move(parts_[1]).to_shared());
    if (answer) send_to(writer.route, *answer);
  }
}

void Edges::to_writer(size_t input, const edge::Frame& frame) {
  const std::string& route = listener_->route_of(input);
  if (!route.empty()) send_to(route, frame);
}

void Edges::send_to(const std::string& route, const edge::Frame& frame) {
  if (!router_) return;
  const std::string bytes = edge::encode(frame);
  // A writer that is gone comes back with HELLO; acknowledgements are cumulative.
  (void)router_->send({std::string_view(route), std::string_view(bytes)});
}

}  // namespace weir::shell
