// Where the writers of a node's lanes come in: which connection belongs to which input, and who is
// sent away. A route is whatever tells one connection from another; it changes when a writer
// connects anew, and then that one must say HELLO first. Pure. Thread: the node's.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "wrapper/core/node.h"

namespace weir::core {

class LaneDoor {
 public:
  // `node` must outlive it.
  explicit LaneDoor(Node& node) : node_(node), routes_(node.inputs().size()) {}

  // The input whose writer speaks over this connection.
  std::optional<size_t> input_of(const std::string& route) const;
  // The connection that its writer spoke over last; empty: there was none.
  const std::string& route_of(size_t input) const { return routes_[input]; }

  // Both give what is to be answered over the same connection.
  std::optional<edge::Frame> on_frame(const std::string& route, const edge::Frame& frame);
  std::optional<edge::Frame> on_block(const std::string& route, wire::Block block);

 private:
  std::optional<edge::Frame> on_hello(const std::string& route, const edge::Hello& hello);

  Node& node_;
  std::vector<std::string> routes_;                   // By input.
  std::unordered_map<std::string, size_t> by_route_;  // The other way round.
};

// Where the readers of a lane are.
class ReaderEndpoints {
 public:
  explicit ReaderEndpoints(const std::vector<wire::ReaderOrder>& readers);

  // Those that are elsewhere now: they are to be connected anew.
  std::vector<size_t> move(const std::vector<wire::ReaderOrder>& readers);
  const std::string& name(size_t reader) const { return readers_[reader].name; }
  // Empty while it is not known.
  const std::string& endpoint(size_t reader) const { return readers_[reader].endpoint; }

 private:
  std::vector<wire::ReaderOrder> readers_;
};

}  // namespace weir::core
