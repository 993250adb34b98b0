// Reads the caller's stdin and feeds it to the `-` node: the sockets and descriptors around a
// StdinLane.
//
// Owns the DEALER to the node's wrapper. Thread: loop. What survives a crash is the state file
// (StdinDurable), if there is one.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ctl/up/slot_file.h"
#include "ctl/up/stdin_lane.h"
#include "schema/runtime/loop.h"
#include "schema/runtime/zmq_socket.h"

namespace weir::ctl {

struct StdinConfig {
  std::string pipeline;
  std::string node;
  char delimiter = '\n';
  std::string state_file;  // Empty: stdin of a run that is never resumed.
  bool open = true;        // False: there is no stdin; as if it were empty.
};

class StdinFeed {
 public:
  struct Events {
    std::function<void(const std::string& text)> on_note;
    std::function<void(const Error&)> on_error;  // stdin cannot be read, or not be handed on.
  };
  StdinFeed(runtime::Loop& loop, runtime::ZmqContext& context, StdinConfig config, Events events);
  ~StdinFeed();

  // Takes up what an earlier run has left, and remembers this one. Errors: kIo, kCorrupt.
  Status open();
  // Where the node's wrapper listens now. The same again does nothing.
  void connect(const std::string& endpoint);
  // Once per loop turn: sends, and reads on if there is room.
  void turn();
  // Reads nothing more, and remembers how far the wrapper has it.
  void close();

 private:
  static constexpr size_t kStateBytesMax = 256;
  static constexpr int kMessagesPerTurn = 64;
  static constexpr int kBlocksPerTurn = 64;

  void reconnect();
  void disconnect();
  void receive();
  void read_some();
  void tick();
  void send(const edge::Frame& frame);
  Status keep(Sync sync);

  runtime::Loop& loop_;
  runtime::ZmqContext& context_;
  StdinConfig config_;
  Events events_;
  std::unique_ptr<StdinLane> lane_;
  std::optional<SlotFile> state_file_;
  std::string endpoint_;
  std::optional<runtime::ZmqSocket> socket_;
  runtime::WatchId socket_watch_ = runtime::WatchId::kNone;
  runtime::WatchId stdin_watch_ = runtime::WatchId::kNone;
  runtime::TimerId timer_ = runtime::TimerId::kNone;
  std::vector<runtime::Message> parts_;
  std::vector<uint8_t> buffer_;
  std::string told_refusal_;
  bool met_ = false;  // The wrapper has said how far it is: now it is known whether to read at all.
  bool told_ended_ = false;
  bool closed_ = false;
};

}  // namespace weir::ctl
