// Where the writers of lanes come in: which connection belongs to which lane, and who is sent away.
// A writer that connects anew comes by another route, and must say HELLO first. Pure. Thread: the
// owner's.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "schema/base/peer.h"
#include "schema/edge/frames.h"
#include "schema/wire/block.h"

namespace weir::edge {

// The lanes that somebody reads, each by its index.
class Inputs {
 public:
  virtual ~Inputs() = default;

  virtual std::optional<size_t> input_named(std::string_view lane) const = 0;
  // A refusal goes back to whoever said HELLO; otherwise that connection is now the input's.
  virtual std::optional<Refuse> on_hello(size_t input, const Hello& hello, const Peer& peer) = 0;
  // Of the writer that was met.
  virtual void on_writer_frame(size_t input, const Frame& frame) = 0;
  virtual void on_block(size_t input, wire::Block block) = 0;
};

class Listener {
 public:
  using OnBadBlock = std::function<void(size_t input, const Error& why)>;

  // `inputs` must outlive it. `on_bad_block`: a writer that was met sent one that is damaged.
  explicit Listener(Inputs& inputs, OnBadBlock on_bad_block = {})
      : inputs_(inputs), on_bad_block_(std::move(on_bad_block)) {}

  // Each gives what is to be answered over the same connection. A message is one frame or block as
  // it came; a block shares its bytes.
  std::optional<Frame> on_message(const Peer& peer, const SharedBytes& message);
  std::optional<Frame> on_frame(const Peer& peer, Frame frame);
  std::optional<Frame> on_block(const Peer& peer, wire::Block block);

  // The input whose writer speaks over this connection.
  std::optional<size_t> input_of(const std::string& route) const;
  // The connection that its writer spoke over last; empty: there was none.
  const std::string& route_of(size_t input) const;

  // Messages that were refused: no frame or block, or of a writer that has no business here.
  uint64_t refused_messages() const { return refused_; }

 private:
  std::optional<Frame> on_hello(const Peer& peer, const Hello& hello);
  Frame refuse(Refuse refusal);

  Inputs& inputs_;
  OnBadBlock on_bad_block_;
  HelloParts hello_parts_;
  std::vector<std::string> routes_;  // By input, as far as they were met.
  std::unordered_map<std::string, size_t> by_route_;
  uint64_t refused_ = 0;
};

}  // namespace weir::edge
