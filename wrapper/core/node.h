// A node instance: its inputs, its lane, the readers of the lane, and the runner that decides what
// the program is given and what becomes of its output. Events come in through one door each,
// effects go out through Effects; everything that a loop turn wants to write goes into one batch at
// its end (turn()).
//
// Thread: one. What survives a crash is in the log; the constructor takes it up.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "schema/base/shared_bytes.h"
#include "schema/edge/listener.h"
#include "schema/edge/reading_end.h"
#include "schema/edge/writer.h"
#include "schema/wire/order.h"
#include "wrapper/core/dead_letters.h"
#include "wrapper/core/effects.h"
#include "wrapper/core/inbox.h"
#include "wrapper/core/lane.h"
#include "wrapper/core/lane_readers.h"
#include "wrapper/core/pacer.h"
#include "wrapper/core/pressure.h"
#include "wrapper/core/settled_position.h"
#include "wrapper/core/settlements.h"
#include "wrapper/core/sink_output.h"
#include "wrapper/core/state.h"
#include "wrapper/core/unsettled_age.h"

namespace weir::core {

class Runner;

// One lane that is read.
struct Input {
  Input(edge::EdgeName edge, uint64_t credit_bytes, const edge::ReaderDurable& state)
      : name(edge.from), reader(std::move(edge), credit_bytes, state), durable(state) {}

  std::string name;
  edge::ReadingEnd reader;
  edge::ReaderDurable durable;  // As in the log, or in a commit under way.
  Inbox inbox;
  Position consumed;         // The last piece that the runner took out of the inbox.
  bool end_taken = false;    // The runner has taken the lane's end.
  bool done_in_log = false;  // That it has ended, or is not wanted any more, is in the log.
  SteadyTime heard_at{};     // Its present writer said something that is its own.
};

// Whose log it is, as it stands in it: the node, whatever its term, and drained or not.
std::string log_identity(const wire::StartOrder& order);

// What each writer of a node may send ahead (R7).
inline constexpr uint64_t kCreditBytes = 4u << 20;
inline constexpr uint64_t kBatchCreditBytesMax = 16u << 20;
// More where that is less than a batch: what comes while a unit runs is the next one.
uint64_t credit_of(const graph::NodeSpec& node);

struct NodeConfig {
  wire::StartOrder order;
  Incarnation of;
  uint64_t credit_bytes = kCreditBytes;
};

// What the runner adds to the commit of this turn.
struct Frontier {
  size_t input = 0;
  Position position;
  bool enough = false;
  bool ended = false;
};

struct NodeCounters {
  uint64_t records_in = 0;
  uint64_t bytes_in = 0;
  uint64_t records_out = 0;
  uint64_t bytes_out = 0;
};

class Node : public edge::Inputs {
 public:
  static constexpr uint64_t kPersistingBytesMax = 4u << 20;  // Written but not yet in the log.
  // What a node may have in its log although the disk is full. At least a group, so that trimming
  // brings it below.
  static constexpr uint64_t kDrainBytes = Lane::kGroupBytes;
  static constexpr std::chrono::milliseconds kTickInterval = LaneReaders::kTickInterval;
  // Writers say something each second and a bit, and readers answer.
  static constexpr std::chrono::milliseconds kHeardWithin{1750};

  // `log` and `effects` must outlive the node. The first persist (synced) opens the boot; start()
  // hands it out.
  Node(NodeConfig config, const wal::Log& log, const LogState& state, Effects& effects);
  ~Node() override;

  void start(SteadyTime now);
  // Once per loop turn, after its events: decides, writes, sends, acknowledges.
  void turn(SteadyTime now);

  // R8, `stop --end`: a source's program is stopped, or not started any more, and its lane ended.
  // Nothing happens to a node that has inputs: it ends with them.
  void end_source();

  // R7: what is to be held back from now on.
  void set_pressure(Pressure pressure) { pressure_ = pressure; }
  Pressure pressure() const { return pressure_; }

  // ---- inputs
  std::optional<size_t> input_named(std::string_view lane) const override;
  std::optional<edge::Refuse> on_hello(size_t input, const edge::Hello& hello,
                                       const Peer& peer) override;
  void on_writer_frame(size_t input, const edge::Frame& frame) override;
  void on_block(size_t input, wire::Block block) override;

  // ---- readers
  void reader_connected(size_t reader);
  void reader_disconnected(size_t reader);
  void on_reader_frame(size_t reader, const edge::Frame& frame);

  // ---- program
  // Where to read its stdout to; empty: do not read now.
  std::span<uint8_t> output_space();
  void on_output(size_t bytes);
  void on_fed(size_t bytes);
  void on_stdin_broken();
  void on_run_end(const RunEnd& end);

  // ---- log
  void on_persisted();

  // ---- what others may ask
  bool ended() const;  // END is in the log, or there was nothing to do.
  bool ended_and_settled() const;
  bool failed() const { return failed_; }
  const NodeCounters& counters() const { return counters_; }
  const Lane& lane() const { return *lane_; }
  const std::vector<Input>& inputs() const { return inputs_; }
  const edge::EdgeWriter& reader(size_t index) const { return (*readers_)[index]; }
  const graph::NodeSpec& spec() const { return config_.order.node; }
  const wire::StartOrder& order() const { return config_.order; }
  std::string runner_state() const;
  // The neighbours that were heard within kHeardWithin.
  std::vector<std::string> heard(SteadyTime now) const;
  const DeadLetterBook& dead() const { return dead_; }
  // Records of its lane that are not settled by all readers, and how long the oldest of them has
  // been visible: at least so long if it comes from before this process.
  uint64_t unsettled_records() const;
  std::chrono::milliseconds unsettled_for(SteadyTime now) const;
  const NonzeroExits& nonzero_exits() const { return nonzero_exits_; }
  // InstanceStatus::settled_position and settled_record
  const SettledPosition& settled_position() const { return settled_position_; }

  // ---- dead letters (R9); no ids: all of them. Both give how many there are of those named.
  // They are given to the program again, each alone. kConflict where no program runs any more.
  Result<uint64_t> retry_dead(const std::vector<std::string>& ids);
  // `done` is called when they are gone from the log.
  Result<uint64_t> drop_dead(const std::vector<std::string>& ids, std::function<void()> done);

  // ---- for runners
  Effects& effects() { return effects_; }
  std::vector<Input>& inputs_for_runner() { return inputs_; }
  const wal::Log& log() const { return log_; }
  // The batch of this turn. Asking for it makes the turn write.
  wal::LogBatch& batch() { return batch_; }
  void sync_this_turn() { batch_sync_ = true; }
  // Stages output in the lane.
  void append(Cut cut, wire::Shape shape);
  void append_mark(const wire::Mark& mark);
  void discard_staged();
  // A commit has three parts, which take effect together (R4), with this turn's batch.
  // Consumption: what these inputs have had is not asked for again.
  void commit_inputs(const std::vector<Frontier>& frontiers);
  // All that is staged becomes visible.
  void publish_outputs();
  // Up to these positions the inputs are settled once all outputs that are visible with this commit
  // are settled.
  void settle_inputs(const std::vector<std::pair<size_t, Position>>& upto);
  // A unit is done: all three, up to the same positions.
  void commit_unit(const std::vector<Frontier>& frontiers);
  // The node is done: ends its lane and commits, synced, all that its inputs have given, with
  // `enough` for those that have not ended. `then` runs when that is in the log.
  void end_lane(std::function<void()> then);
  CommitState& commit_state() { return commit_; }
  // Runs when this turn's batch is in the log.
  void when_persisted(std::function<void()> then);
  // Room in the log and in the queue to it.
  bool may_write_output() const;
  bool persisting() const { return !persisting_.empty(); }
  bool all_readers_satisfied() const;
  // Forgets what the inputs have taken without committing it and asks their writers for it again.
  void refetch();
  void fail(std::string reason);
  void fail_log(const Error& error);
  DeadLetterBook& dead() { return dead_; }
  void erase_dead(uint64_t number);
  // A run ended so, which is accepted: counted if it is not 0.
  void count_exit(const RunEnd& end);
  std::string records_of_source() const { return std::to_string(commit_.position.records); }
  // So many records of the source came before its log.
  uint64_t base_records() const { return base_position_.records; }

 private:
  struct Persisting {
    uint64_t published = 0;
    SourcePosition position;  // Where somebody is told of it.
    std::optional<Settlement> settlement;
    std::vector<std::function<void()>> then;
    std::vector<SharedBytes> unread;  // Output that goes to the file once this is in the log.
    size_t bytes = 0;
  };

  void open(const LogState& state);
  void begin_at_position(const LogState& state);
  void make_runner(const LogState& state);
  void write_turn();
  void answer_hellos();
  void pump_readers();
  void settle();
  // Something that was made of it is not settled, or not even in the log.
  bool awaits_settlement(size_t input) const;
  void check_full();
  bool pressure_allows_output() const;
  void fail_without_room();
  void send_acks();
  void refetch(size_t input);
  Settlement& batch_settlement();
  void move_frontier(Input& input, const Position& to);
  bool nobody_asks_again() const;

  NodeConfig config_;
  const wal::Log& log_;
  Effects& effects_;
  std::vector<Input> inputs_;
  std::unique_ptr<Lane> lane_;
  std::optional<LaneReaders> readers_;
  std::optional<SinkOutput> unread_;  // A sink without readers: in place of the lane.
  std::unique_ptr<Runner> runner_;
  CommitState commit_;
  wal::LogBatch batch_;
  bool batch_sync_ = false;
  bool batch_publishes_ = false;
  std::optional<Settlement> batch_settlement_;
  std::vector<std::function<void()>> batch_then_;
  std::deque<Persisting> persisting_;
  size_t persisting_bytes_ = 0;
  Settlements settlements_;
  SourcePosition base_position_;
  bool tells_position_ = false;  // Another host may have to go on from there.
  SettledPosition settled_position_;
  UnsettledAge unsettled_age_;
  NodeCounters counters_;
  SteadyTime now_{};
  DeadLetterBook dead_;
  NonzeroExits nonzero_exits_;
  bool started_ = false;
  bool failed_ = false;
  Pressure pressure_ = Pressure::kNone;
  Pacer pacer_;
  bool opened_ = false;  // The new boot is in the log: readers may be greeted.
  bool told_enough_ = false;
  bool end_wanted_ = false;
  bool told_end_ = false;
  bool trimmed_at_taken_ = false;
};

}  // namespace weir::core
