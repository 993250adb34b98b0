// What a wrapper is told when it is started, and what it tells in return. Plain data; encoded in
// schema/wire/control.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "schema/graph/pipeline.h"

namespace weir::wire {

// A reader of a node's lane. `name` is "node.instance", or "weirctl.0" for the sinks' reader in
// `up`.
struct ReaderOrder {
  std::string name;
  std::string endpoint;  // Empty while it is not known.

  bool operator==(const ReaderOrder&) const = default;
};

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

  std::string name() const { return node.name + "." + std::to_string(instance); }
  bool operator==(const StartOrder&) const = default;
};

enum class InstanceState { kWaiting, kStarting, kRunning, kEnded, kFailed, kLost, kUnmanaged };

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
  int64_t pid = 0;
  int64_t action_pid = 0;  // 0: no program runs.
  uint64_t records_in = 0;
  uint64_t records_out = 0;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  uint64_t unsettled_records = 0;
  uint64_t log_bytes = 0;
  uint64_t restarts = 0;  // Of the wrapper; counted by the agent.
  uint64_t dead_letters = 0;
  std::string last_error;
  std::vector<std::string>
      notes;  // Told once: "seq exited with status 1", "the log was trimmed", ...

  bool operator==(const InstanceStatus&) const = default;
};

}  // namespace weir::wire
