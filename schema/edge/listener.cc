#include "schema/edge/listener.h"

#include <utility>

namespace weir::edge {

std::optional<size_t> Listener::input_of(const std::string& route) const {
  const auto known = by_route_.find(route);
  if (known == by_route_.end()) return std::nullopt;
  return known->second;
}

const std::string& Listener::route_of(size_t input) const {
  static const std::string kNone;
  return input < routes_.size() ? routes_[input] : kNone;
}

std::optional<Frame> Listener::on_message(const Peer& peer, const SharedBytes& message) {
  if (!wire::looks_like_block(message.data, message.size)) {
    Result<Frame> frame = decode(message.view());
    if (!frame) return refuse({0, RefuseReason::kMalformed, {}, frame.error().what});
    return on_frame(peer, *std::move(frame));
  }
  const std::optional<size_t> input = input_of(peer.route);
  // Before its bytes are looked at.
  if (!input) return Reset{};
  Result<wire::Block> block = wire::decode_block(message);
  if (block) {
    inputs_.on_block(*input, *std::move(block));
  } else {
    ++refused_;
    if (on_bad_block_) on_bad_block_(*input, block.error());
  }
  return std::nullopt;
}

std::optional<Frame> Listener::on_block(const Peer& peer, wire::Block block) {
  const std::optional<size_t> input = input_of(peer.route);
  // A block of a writer that we have not met: it must say HELLO first.
  if (!input) return Reset{};
  inputs_.on_block(*input, std::move(block));
  return std::nullopt;
}

std::optional<Frame> Listener::on_frame(const Peer& peer, Frame frame) {
  const std::optional<Frame> whole = hello_parts_.add(peer.route, std::move(frame));
  if (!whole) return std::nullopt;
  if (const auto* hello = std::get_if<Hello>(&*whole)) return on_hello(peer, *hello);
  const std::optional<size_t> input = input_of(peer.route);
  if (!input) return Reset{};
  inputs_.on_writer_frame(*input, *whole);
  return std::nullopt;
}

std::optional<Frame> Listener::on_hello(const Peer& peer, const Hello& hello) {
  const std::optional<size_t> input = inputs_.input_named(hello.edge.from);
  if (!input) {
    return refuse({hello.session,
                   RefuseReason::kWrongEdge,
                   {},
                   "no lane " + hello.edge.from.substr(0, 100) + " is read here"});
  }
  if (auto refusal = inputs_.on_hello(*input, hello, peer)) return refuse(*std::move(refusal));
  if (routes_.size() <= *input) routes_.resize(*input + 1);
  by_route_.erase(routes_[*input]);
  routes_[*input] = peer.route;
  by_route_[peer.route] = *input;
  return std::nullopt;
}

Frame Listener::refuse(Refuse refusal) {
  ++refused_;
  return refusal;
}

}  // namespace weir::edge
