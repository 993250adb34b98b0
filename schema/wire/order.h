// What a wrapper is told when it is started, and what it tells in return. Plain data; encoded in
// schema/wire/control.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "schema/base/ids.h"
#include "schema/base/source_position.h"
#include "schema/graph/pipeline.h"

namespace weir::wire {

// A reader of a node's lane. `name` is "node.instance", or "weirctl.0" for the sinks' reader in
// `up`.
struct ReaderOrder {
  std::string name;
  std::string endpoint;  // Empty while it is not known.

  bool operator==(const ReaderOrder&) const = default;
};

// The content that an action's name and version stand for.
struct ActionRef {
  std::string name;
  uint32_t version = 0;  // From 1 on.
  std::string sha256;    // 64 lower-case hex digits.
  uint64_t bytes = 0;

  bool operator==(const ActionRef&) const = default;
};

// What writers and readers call a lane.
inline std::string lane_name(const std::string& node, uint32_t instance,
                             uint64_t drained_term = 0) {
  std::string name = node + "." + std::to_string(instance);
  if (drained_term != 0) name += "@" + std::to_string(drained_term);
  return name;
}

struct StartOrder {
  std::string pipeline;
  graph::NodeSpec node;
  uint32_t instance = 0;
  uint64_t term = 0;
  std::vector<std::string> writers;  // Names of the lanes that are read: "node.instance".
  std::vector<ReaderOrder> readers;
  bool sink = false;    // No readers in the graph: settles by its own commits and weirctl's word.
  std::string log_dir;  // The folder of its log; made if it is not there.
  std::string listen;   // Endpoint to bind for the lanes that are read; empty for a source.
  std::string agent_endpoint;    // The agent's socket for its wrappers.
  std::string working_dir;       // Where the program runs; empty: where the wrapper does.
  std::string stderr_file;       // Where the program's stderr is kept.
  uint64_t log_limit_bytes = 0;  // R7.
  bool trim_at_taken = false;    // `up` without --data: a full log is trimmed at `taken`.
  // What node.action names, if it was uploaded. The agent puts the path of its verified copy into
  // node.action before the wrapper sees the order.
  std::optional<ActionRef> uploaded;
  // Source: its lane is to be ended (R8, `stop --end`); its program is not started any more.
  bool end = false;
  // Endpoint to bind for lanes that come from other hosts, with any port; empty: none do.
  std::string listen_remote;
  std::string stdout_file;  // Where a sink's output is kept that nobody reads; rotated.
  // The term in which this log was begun: it is another folder for each. `term` may be higher: a
  // broker raises it when it finds that it has forgotten some (R10).
  uint64_t log_term = 0;
  // 0, or the term of a source that was given up with its host and is back: what its log still
  // holds is sent as a lane of its own, outside fencing, and no program is started (R5).
  uint64_t drained_term = 0;
  // Source: where a log begins that is begun with this order: what lies before it is settled
  // already, and is not written again (R5, `portable`). A log that is there knows its own.
  SourcePosition position;

  // Of the lane: "node.instance", or "node.instance@term" of one that is drained.
  std::string name() const { return lane_name(node.name, instance, drained_term); }
  bool operator==(const StartOrder&) const = default;
};

enum class InstanceState { kWaiting, kStarting, kRunning, kEnded, kFailed, kLost, kUnmanaged };

// Something that a person should know: "its log was trimmed".
struct Note {
  uint64_t number = 0;  // Rises with each that a process tells, and when it tells one again.
  uint64_t times = 1;   // How often it was said so far.
  std::string text;

  bool operator==(const Note&) const = default;
};
// "its log was trimmed (19 times)"
inline std::string to_string(const Note& note) {
  return note.times > 1 ? note.text + " (" + std::to_string(note.times) + " times)" : note.text;
}

// What a wrapper reports to its agent once a second and at each change of state.
struct InstanceStatus {
  std::string pipeline;
  std::string node;
  uint32_t instance = 0;
  uint64_t term = 0;
  uint64_t boot = 0;
  InstanceState state = InstanceState::kStarting;
  bool ended_and_settled = false;  // END is committed and all is settled: nothing is left to do.
  std::string endpoint;            // Where the lanes that are read come in.
  std::string remote_endpoint;     // The same for writers on other hosts; empty: not reachable.
  int64_t pid = 0;
  int64_t action_pid = 0;  // 0: no program runs.
  uint64_t records_in = 0;
  uint64_t records_out = 0;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  // Over the last second or more; counted by the agent.
  uint64_t records_in_per_second = 0;
  uint64_t records_out_per_second = 0;
  uint64_t bytes_in_per_second = 0;
  uint64_t bytes_out_per_second = 0;
  // Of its lane: visible, and not settled by all readers; and for how long the oldest of them has
  // been visible, as far as its process knows.
  uint64_t unsettled_records = 0;
  uint64_t unsettled_ms = 0;
  // Portable source: up to here all readers have settled, and its last record before that. At
  // least so far: after a restart of the wrapper it is not known for a while.
  SourcePosition settled_position;
  RecordId settled_record;
  uint64_t log_bytes = 0;
  uint64_t restarts = 0;  // Of the wrapper; counted by the agent.
  uint64_t dead_letters = 0;
  // Runs that ended with an accepted status other than 0, and the last of these statuses.
  uint64_t nonzero_exits = 0;
  uint32_t last_nonzero_exit = 0;
  uint64_t log_term = 0;             // StartOrder::log_term
  uint64_t drained_term = 0;         // StartOrder::drained_term
  std::vector<std::string> writers;  // StartOrder::writers of the running process.
  // The neighbours, by the names of their lanes, that were heard within the last seconds: that
  // is how a broker knows that a wrapper lives whose agent is silent (R10).
  std::vector<std::string> heard;
  // The term that a neighbour refuses this one for; 0: none does. A broker that does not know of it
  // has lost its memory, and goes above it (R10).
  uint64_t fenced_by = 0;
  std::string last_error;
  // By their numbers. From a wrapper: those that the broker has not taken (NotesTaken). In the
  // broker's answers: the last ones.
  std::vector<Note> notes;

  bool operator==(const InstanceStatus&) const = default;
};

}  // namespace weir::wire
