// The reader of all sinks' lanes: one ROUTER where the sinks' wrappers connect, and what is done
// with their blocks: to stdout, or under --output each to a file of its own.
//
// A record is acknowledged when it is written; under --output when file and position are synced
// (R3). With a state folder the position on stdout is remembered too, now and then and at the end,
// to the byte, so that a resumed run repeats only the last part of what a killed one wrote. Room
// for positions is taken before anything is written: a full disk keeps none from being remembered.
//
// Owns sockets, files and the worker that writes. Thread: loop. What survives a crash: the position
// files, FOLDER/.LABEL.weir beside each output file, and STATE/stdout.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ctl/up/sink_lane.h"
#include "ctl/up/sink_merge.h"
#include "ctl/up/sink_position.h"
#include "ctl/up/slot_file.h"
#include "schema/base/unique_fd.h"
#include "schema/edge/listener.h"
#include "schema/runtime/loop.h"
#include "schema/runtime/worker.h"
#include "schema/runtime/zmq_socket.h"

namespace weir::ctl {

// One instance of a sink.
struct SinkInstance {
  std::string lane;   // "sort.0"
  std::string label;  // As users call it, and its file under --output.
};

struct SinksConfig {
  std::string pipeline;
  std::vector<SinkInstance> sinks;
  std::string output_dir;  // Empty: stdout.
  std::string state_dir;   // Where the position on stdout is kept; empty: not at all.
  uint64_t run = 0;        // DataFolder::run()
  int stdout_fd = 1;
};

class Sinks : private edge::Inputs {
 public:
  static constexpr uint64_t kCreditBytes = 4u << 20;

  struct Events {
    std::function<void()> on_before_write;  // Something is about to go to stdout.
    std::function<void(const std::string& label, const std::string& text)> on_note;
    std::function<void()> on_ended;              // All lanes have ended and are written.
    std::function<void()> on_closed;             // Nobody reads stdout any more.
    std::function<void(const Error&)> on_error;  // Something cannot be written.
  };

  Sinks(runtime::Loop& loop, runtime::ZmqContext& context, SinksConfig config, Events events);
  ~Sinks() override;

  // Takes up what an earlier run has left. Errors: kConflict (another run writes to the folder, a
  // file is shorter than what was written to it, or is none), kIo.
  Status open_outputs();
  // Begins to listen.
  Status listen(const std::string& endpoint);
  // Once per loop turn: writes, acknowledges.
  void turn();
  // Takes nothing more. What is being written may still come to its end.
  void close();
  // After close(), at the very end: remembers how far stdout has come.
  void keep_positions();
  // Removes the position files under --output, which mean nothing without their data folder.
  void forget_positions();

  bool all_ended() const;
  bool idle() const { return worker_.idle(); }
  bool at_line_end() const { return at_line_end_; }
  uint64_t records() const { return records_; }
  uint64_t bytes() const { return bytes_; }

 private:
  static constexpr std::chrono::milliseconds kSaveInterval{250};
  static constexpr int kMessagesPerTurn = 64;

  struct Lane {
    SinkInstance of;
    std::unique_ptr<SinkLane> lane;
    size_t output = 0;  // Where it goes, and which of that one's lanes it is.
    size_t place = 0;
  };
  // A batch that is being written; the worker counts.
  struct Writing {
    SinkMerge::Batch batch;
    std::atomic<size_t> written = 0;
  };
  struct Output {
    std::unique_ptr<SinkMerge> merge;
    std::vector<size_t> lanes;  // Of the merge, as indices into lanes_.
    UniqueFd file;              // Under --output.
    std::string path;
    std::string position_path;                // Empty: it is not remembered.
    std::shared_ptr<SlotFile> position_file;  // Shared with the job that writes it.
    SinkPosition position;                    // What is done.
    bool busy = false;
    std::shared_ptr<const Writing> writing;  // What `busy` is about, if not `seen`.
    runtime::SteadyTime saved_at{};
  };

  bool to_files() const { return !config_.output_dir.empty(); }
  void assign_lanes();
  Status lock_folder();
  Status load_position(Output& output) const;
  Status open_file(Output& output) const;
  void receive();
  std::optional<size_t> input_named(std::string_view lane) const override;
  std::optional<edge::Refuse> on_hello(size_t input, const edge::Hello& hello,
                                       const Peer& peer) override;
  void on_writer_frame(size_t input, const edge::Frame& frame) override;
  void on_block(size_t input, wire::Block block) override;
  void send(const std::string& route, const edge::Frame& frame);
  void pump(Output& output);
  bool keep_seen(Output& output);
  void write(Output& output, SinkMerge::Batch batch);
  void written(Output& output, const Writing& writing, const Status& status);
  static SinkPosition position_after(const Output& output, const SinkMerge::Done& done);
  void stdout_closed();
  void check_end();

  runtime::Loop& loop_;
  runtime::ZmqContext& context_;
  SinksConfig config_;
  Events events_;
  std::vector<Lane> lanes_;
  std::vector<Output> outputs_;
  UniqueFd locked_folder_;  // Under --output.
  edge::Listener listener_;
  std::optional<runtime::ZmqSocket> router_;
  runtime::WatchId watch_ = runtime::WatchId::kNone;
  std::vector<runtime::Message> parts_;
  uint64_t records_ = 0;
  uint64_t bytes_ = 0;
  bool at_line_end_ = true;
  bool closed_ = false;
  bool told_ = false;       // on_ended or on_closed.
  runtime::Worker worker_;  // Last: its jobs use the files above.
};

}  // namespace weir::ctl
