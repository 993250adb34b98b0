// How a node runs its program: what one run gets, and when what it wrote counts. One class for each
// way (design 4); the node owns one and calls it.
#pragma once

#include <memory>
#include <span>

#include "wrapper/core/effects.h"
#include "wrapper/core/node.h"

namespace weir::core {

class Runner {
 public:
  virtual ~Runner() = default;

  // Once per loop turn: do all that can be done now.
  virtual void turn(SteadyTime now) = 0;
  virtual std::span<uint8_t> output_space() = 0;
  virtual void on_output(size_t bytes) = 0;
  virtual void on_fed(size_t bytes) = 0;
  virtual void on_stdin_broken() = 0;
  virtual void on_run_end(const RunEnd& end) = 0;
  // The writer of this input lost records; the inbox has been put right. Work that has taken some
  // of them without a commit is dropped and formed anew (R2).
  virtual void on_rewound(size_t input, const Position& keep) = 0;
  // A writer's history is known (again): work that names records it does not have is dropped.
  virtual void on_meeting(size_t input) = 0;
  // All readers said `enough` or `ended` (R8).
  virtual void on_enough() = 0;
  // Source: its lane is to be ended, with the records that its program has written so far (R8).
  virtual void on_end_wanted() {}
  // Dead letters can be given to the program: the runner takes them from Node::dead() in a turn.
  virtual bool can_retry() const { return false; }
  // The one that is under way is dropped: its run counts for nothing.
  virtual void on_retried_dropped() {}
  // END is committed and in the log.
  virtual bool ended() const = 0;
  // An open unit here needs its input until it ends (R7).
  virtual bool holds() const = 0;
  // Where it stands, for a person who looks for a fault.
  virtual std::string state() const = 0;
};

// True if this end of a run acknowledges (R9).
bool accepted(const graph::NodeSpec& spec, const RunEnd& end);
// "exited with status 3", "was killed by signal 9 (Killed)", or why it did not start.
std::string describe(const RunEnd& end);
// A failed exec, 126 and 127 are mistakes in the graph, not in the input.
bool is_hopeless(const RunEnd& end);
// WEIR_PIPELINE, WEIR_NODE, WEIR_INSTANCE, WEIR_UNIT, WEIR_ATTEMPT.
std::vector<std::pair<std::string, std::string>> unit_environment(const wire::StartOrder& order,
                                                                  const UnitId& unit,
                                                                  uint32_t attempt);
// The wait before attempt number `failed` + 1.
std::chrono::milliseconds backoff(const graph::NodeSpec& spec, uint32_t failed);
// The wait before attempt number `failed` + 1 is in backoff(); whether there is one is here. A run
// that was not the program's doing (kLost), and exit 75 (try later), count as no attempt.
bool counts_as_attempt(const RunEnd& end);
// The last line of what a program wrote to stderr, "(none)" if it wrote nothing.
std::string last_line(std::string_view text);
// The bytes that end a record of this portion, were they left out.
SharedBytes missing_delimiter(const Portion& portion);
wire::Shape output_shape(const graph::NodeSpec& spec);

std::unique_ptr<Runner> make_stream_runner(Node& node, const LogState& state);
std::unique_ptr<Runner> make_batch_runner(Node& node, const LogState& state);
std::unique_ptr<Runner> make_reply_runner(Node& node, const LogState& state);
std::unique_ptr<Runner> make_frame_source(Node& node, const LogState& state);
std::unique_ptr<Runner> make_position_source(Node& node, const LogState& state);
std::unique_ptr<Runner> make_relay_runner(Node& node, const LogState& state);

}  // namespace weir::core
