// A pipeline as every part of weir sees it after the text has been read, resolved and validated:
// nodes with all defaults filled in, and the edges between them. Plain data.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace weir::graph {

// Of one argument, one command, or one NAME=VALUE: what the kernel hands on (MAX_ARG_STRLEN, less
// the final zero).
inline constexpr size_t kArgumentBytesMax = 131'071;

// How the wrapper and the program speak (design 4). kPositions is for built-in sources, and cannot
// be chosen: schema/wire/source_protocol.h.
enum class Protocol { kPipe, kLines, kFrames, kPositions };

// What one run of a `pipe` program consumes. Means nothing for a source and for other protocols.
enum class Unit { kStream, kBatch, kRecord };

// When a commit is on the disk (R6): kDisk syncs every commit, grouped; kProcess survives crashes
// of processes and leaves power loss to R2 and R3.
enum class Durability { kDisk, kProcess };

// When what a program prints goes into its stdout: kProgram as it sees fit, which with most is by
// blocks of some KiB if that is a pipe; kLine line by line, as far as stdbuf(1) and
// PYTHONUNBUFFERED can make it.
enum class Buffering { kProgram, kLine };

struct NodeSpec {
  std::string name;  // [a-zA-Z_][a-zA-Z0-9_-]*, unique in the pipeline; "-" for the caller's stdin
  bool caller_stdin = false;  // The `-` entry of `up`: no program, its records come from weirctl.
  // Name of an uploaded action, of a built-in one ("weir:tail", see builtin.h), or the absolute
  // path of a program (`up`), or empty.
  std::string action;
  std::vector<std::string> args;  // Arguments of the action.
  std::string run;                // Inline shell command, run by `sh -c`, or empty.
  Protocol protocol = Protocol::kPipe;
  Unit unit = Unit::kStream;
  char delimiter = '\n';       // '\n' or '\0'; ends a record of `pipe` and `lines`.
  std::vector<int> accept{0};  // Exit statuses that acknowledge, ascending.
  uint32_t retries = 5;        // Failed attempts of a unit before it is split or the node fails.
  std::chrono::milliseconds backoff_first{100};   // Doubles with each attempt ...
  std::chrono::milliseconds backoff_max{30'000};  // ... up to this.
  uint32_t max_dead = 10;  // Dead letters looked ahead before the node is degraded (R9).
  Buffering buffering = Buffering::kProgram;
  uint32_t in_flight = 1024;        // lines, frames: inputs fed ahead of their replies.
  uint64_t max_records = 100'000;   // batch: records of one unit.
  uint64_t max_bytes = 8ull << 20;  // batch: bytes of one unit; one larger record passes.
  uint64_t max_output_bytes = 0;    // Staged output of one unit; 0: half of the log limit.
  Durability durability = Durability::kProcess;
  bool rerun = false;     // Source: writes the same stream from its start when restarted.
  bool portable = false;  // Source: its position means the same on every host.
  std::chrono::milliseconds stall_timeout{0};  // R12; 0: never.
  std::vector<std::string> hosts;  // Agents in order of preference; empty: the broker chooses.
  std::map<std::string, std::string> env;
  std::vector<std::string> allow;  // Outgoing connections; none by default.
  // Keys that only a built-in action has, as texts: they become its arguments, --KEY=VALUE.
  std::map<std::string, std::vector<std::string>> settings;

  bool operator==(const NodeSpec&) const = default;
};

// Indices into PipelineSpec::nodes.
struct EdgeSpec {
  uint32_t from = 0;
  uint32_t to = 0;

  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 misreads a defaulted <=>.
  auto operator<=>(const EdgeSpec&) const = default;
};

struct ActionSpec {
  std::string file;  // As written in the pipeline file, relative to it.

  bool operator==(const ActionSpec&) const = default;
};

struct PipelineSpec {
  std::string name;
  // The expressions in plain form: inline commands are replaced by the names of their nodes.
  std::vector<std::string> dataflow;
  std::vector<NodeSpec> nodes;                // In order of first use in the dataflow.
  std::vector<EdgeSpec> edges;                // Sorted, each once. Acyclic.
  std::map<std::string, ActionSpec> actions;  // Those named in the file.

  bool operator==(const PipelineSpec&) const = default;
};

}  // namespace weir::graph
