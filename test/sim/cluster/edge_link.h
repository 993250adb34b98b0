// One DEALER of a wrapper, as it sees it, and the connection beneath: made when somebody greets at
// the endpoint, made anew when it breaks, without a word to the wrapper. What was under way then is
// lost; what was not sent yet goes over the next one.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <variant>

#include "schema/edge/frames.h"
#include "schema/wire/block.h"

namespace weir::sim {

class Cluster;
class WrapperProcess;

using EdgeMessage = std::variant<edge::Frame, wire::Block>;

class EdgeLink : public std::enable_shared_from_this<EdgeLink> {
 public:
  EdgeLink(Cluster& cluster, WrapperProcess& writer, size_t reader, std::string endpoint);
  // Begins to connect.
  void open();
  // The writer has no use for it any more, or is gone.
  void close();

  // False: it would block.
  bool send(EdgeMessage message);
  // From the reader.
  void answer(const edge::Frame& frame);
  // The process at the other end is gone, or the way was closed for too long.
  void broke();

 private:
  void try_to_connect();
  void plan_next(bool down);
  void pass_on(bool down);
  WrapperProcess* reader();

  Cluster& cluster_;
  WrapperProcess* writer_;  // Null: closed.
  size_t index_;            // Of the reader among those of the writer.
  std::string endpoint_;
  int64_t reader_pid_ = 0;  // 0: not connected.
  std::string route_;
  std::deque<EdgeMessage> down_;  // To the reader.
  std::deque<edge::Frame> up_;    // To the writer.
  bool down_planned_ = false;
  bool up_planned_ = false;
};

}  // namespace weir::sim
