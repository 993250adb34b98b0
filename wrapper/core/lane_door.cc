#include "wrapper/core/lane_door.h"

#include <utility>

namespace weir::core {

std::optional<size_t> LaneDoor::input_of(const std::string& route) const {
  const auto known = by_route_.find(route);
  if (known == by_route_.end()) return std::nullopt;
  return known->second;
}

std::optional<edge::Frame> LaneDoor::on_block(const std::string& route, wire::Block block) {
  const std::optional<size_t> input = input_of(route);
  // A block of a writer that we have not met: it must say HELLO first.
  if (!input) return edge::Reset{};
  node_.on_block(*input, std::move(block));
  return std::nullopt;
}

std::optional<edge::Frame> LaneDoor::on_frame(const std::string& route, const edge::Frame& frame) {
  if (const auto* hello = std::get_if<edge::Hello>(&frame)) return on_hello(route, *hello);
  const std::optional<size_t> input = input_of(route);
  if (!input) return edge::Reset{};
  node_.on_writer_frame(*input, frame);
  return std::nullopt;
}

std::optional<edge::Frame> LaneDoor::on_hello(const std::string& route, const edge::Hello& hello) {
  const std::optional<size_t> input = node_.input_named(hello.edge.from);
  if (!input) {
    return edge::Refuse{hello.session,
                        edge::RefuseReason::kWrongEdge,
                        {},
                        "no lane " + hello.edge.from.substr(0, 100) + " is read here"};
  }
  if (auto refuse = node_.on_hello(*input, hello)) return *std::move(refuse);
  by_route_.erase(routes_[*input]);
  routes_[*input] = route;
  by_route_[route] = *input;
  return std::nullopt;
}

ReaderEndpoints::ReaderEndpoints(const std::vector<wire::ReaderOrder>& readers)
    : readers_(readers) {
  for (wire::ReaderOrder& reader : readers_) reader.endpoint.clear();
}

std::vector<size_t> ReaderEndpoints::move(const std::vector<wire::ReaderOrder>& readers) {
  std::vector<size_t> moved;
  for (const wire::ReaderOrder& reader : readers) {
    for (size_t i = 0; i < readers_.size(); ++i) {
      if (readers_[i].name != reader.name || readers_[i].endpoint == reader.endpoint) continue;
      readers_[i].endpoint = reader.endpoint;
      moved.push_back(i);
    }
  }
  return moved;
}

}  // namespace weir::core
