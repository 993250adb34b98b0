// Control messages: what weirctl, broker, agents and wrappers say to each other. docs/control.md
// draws who talks to whom.
//
// On the wire each message is one ZeroMQ part: a msgpack map
//   {"version": 1, "type": "pipeline.run", "request": "...", "body": {...}}
// Fields are written by name. A reader ignores fields that it does not know and gives those that
// are missing their default, so fields can be added; a field's meaning never changes. A message of
// an unknown type, or of a newer version, decodes to Unknown and is answered with a Refusal.
//
// What decode() lets through has been checked: sizes, ranges, names, enumerations, and the shape of
// a pipeline. All functions here are pure and may be called from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "schema/base/result.h"
#include "schema/graph/pipeline.h"
#include "schema/wire/order.h"

namespace weir::wire {

inline constexpr uint32_t kControlVersion = 1;
// No message is larger; also the limit that control sockets are given (with some slack).
inline constexpr size_t kControlMessageBytesMax = 16u << 20;
inline constexpr size_t kRequestIdBytesMax = 64;
inline constexpr size_t kTextBytesMax = 128u << 10;  // run, args, env, dataflow: as exec allows.
inline constexpr size_t kPathBytesMax = 4096;        // Paths and endpoints.
inline constexpr size_t kErrorTextBytesMax = 4096;   // Longer ones are cut by encode().
inline constexpr size_t kNotesMax = 64;              // Further ones are left out by encode().
inline constexpr size_t kInstancesPerAgentMax = 4096;

// Who reads the sinks' lanes, and writes that of `-`, in `up`.
inline constexpr std::string_view kWeirctlName = "weirctl.0";

// One instance of one node.
struct InstanceKey {
  std::string pipeline;
  std::string node;
  uint32_t instance = 0;

  auto operator<=>(const InstanceKey&) const = default;  // NOLINT(modernize-use-nullptr)
};

inline InstanceKey key_of(const StartOrder& order) {
  return {order.pipeline, order.node.name, order.instance};
}
inline InstanceKey key_of(const InstanceStatus& status) {
  return {status.pipeline, status.node, status.instance};
}
// "pipeline/node.instance"
inline std::string to_string(const InstanceKey& key) {
  return key.pipeline + "/" + key.node + "." + std::to_string(key.instance);
}

// ---- Answers -------------------------------------------------------------------------------

// The request was done; for a change: it is on the broker's disk.
struct Ok {
  bool operator==(const Ok&) const = default;
};

// The request was not done, and why. The words are meant for the user.
struct Refusal {
  ErrorCode code = ErrorCode::kInvalid;
  std::string what;

  bool operator==(const Refusal&) const = default;
};

// What decode() makes of a type or version that it does not know. Never sent.
struct Unknown {
  uint32_t version = 0;
  std::string type;

  bool operator==(const Unknown&) const = default;
};

// ---- weirctl to the broker -----------------------------------------------------------------

// Stores a pipeline, or replaces one that was never run. Putting the same again is no error;
// another one under the name of one that was run is a conflict. Answer: Ok.
struct PipelinePut {
  graph::PipelineSpec spec;

  bool operator==(const PipelinePut&) const = default;
};

struct RunOptions {
  bool trim_at_taken = false;    // StartOrder::trim_at_taken
  uint64_t log_limit_bytes = 0;  // StartOrder::log_limit_bytes
  std::string working_dir;       // StartOrder::working_dir

  bool operator==(const RunOptions&) const = default;
};

// Wants a stored pipeline to run. For one that runs already only `sink_reader` and `options` are
// taken over. Answer: Ok as soon as the wish is stored; watch pipeline.status for the rest.
struct PipelineRun {
  std::string name;
  std::optional<ReaderOrder> sink_reader;  // A reader of every sink's lane: weirctl, in `up`.
  RunOptions options;

  bool operator==(const PipelineRun&) const = default;
};

// Wants a pipeline to stop, from sources to sinks. No lane is ended (R8). Answer: Ok, at once.
struct PipelineStop {
  std::string name;

  bool operator==(const PipelineStop&) const = default;
};

// Answer: PipelineStatus, or a Refusal with kNotFound.
struct PipelineStatusRequest {
  std::string name;

  bool operator==(const PipelineStatusRequest&) const = default;
};

// Answer: BrokerStatus.
struct BrokerStatusRequest {
  bool operator==(const BrokerStatusRequest&) const = default;
};

enum class PipelineState {
  kStored,
  kStarting,
  kRunning,
  kDegraded,
  kStopping,
  kStopped,
  kCompleted,
  kFailed
};

struct InstanceReport {
  std::string agent;  // Empty while it is not placed.
  InstanceStatus
      status;  // `instance` is design 8's "index"; `endpoint` is where its lanes come in.

  bool operator==(const InstanceReport&) const = default;
};

struct NodeStatus {
  std::string name;
  bool caller_stdin = false;
  bool sink = false;
  std::vector<InstanceReport> instances;

  bool operator==(const NodeStatus&) const = default;
};

struct PipelineStatus {
  std::string name;
  PipelineState state = PipelineState::kStored;
  std::string reason;  // Why it is degraded, failed, or not yet running; may be empty.
  std::vector<NodeStatus> nodes;

  bool operator==(const PipelineStatus&) const = default;
};

struct AgentSummary {
  std::string name;
  std::string address;
  bool connected = false;  // Heard within the last three seconds.
  uint32_t instances = 0;  // As last reported.

  bool operator==(const AgentSummary&) const = default;
};

struct PipelineSummary {
  std::string name;
  PipelineState state = PipelineState::kStored;
  std::string reason;

  bool operator==(const PipelineSummary&) const = default;
};

struct BrokerStatus {
  std::vector<AgentSummary> agents;
  std::vector<PipelineSummary> pipelines;

  bool operator==(const BrokerStatus&) const = default;
};

// ---- agent to broker, broker to agent ------------------------------------------------------

// First message on each connection. Answer: AgentOrders.
struct AgentRegister {
  std::string name;
  std::string address;                    // Where others reach this host; may be empty.
  std::vector<InstanceStatus> instances;  // All that it has orders for.

  bool operator==(const AgentRegister&) const = default;
};

// Every second, and at once on a change: all that the agent has orders for. Answer: Ok, or
// AgentOrders when `orders_version` is not the latest, or a Refusal with kNotFound that asks for
// AgentRegister.
struct AgentReport {
  std::string name;
  uint64_t orders_version = 0;  // Of the last AgentOrders that it obeyed; 0: none.
  std::vector<InstanceStatus> instances;

  bool operator==(const AgentReport&) const = default;
};

// All that should run on this agent, and what should not. What is in neither list stays as it is.
struct AgentOrders {
  uint64_t version = 0;  // Another number, another content; not ordered.
  std::vector<StartOrder> start;
  std::vector<InstanceKey> stop;

  bool operator==(const AgentOrders&) const = default;
};

// ---- wrapper to agent, agent to wrapper ----------------------------------------------------

// First message of a wrapper. Answer: WrapperNeighbours, or WrapperStop if it should not run.
struct WrapperHello {
  std::string pipeline;
  std::string node;
  uint32_t instance = 0;
  uint64_t term = 0;
  int64_t pid = 0;

  bool operator==(const WrapperHello&) const = default;
};

// Every second, and at once when state or endpoint change. Answer on a new connection (the agent
// was restarted) as for WrapperHello; else none.
struct WrapperReport {
  InstanceStatus status;

  bool operator==(const WrapperReport&) const = default;
};

// The readers of the wrapper's lane, all of them; sent again when they change.
struct WrapperNeighbours {
  std::vector<ReaderOrder> readers;

  bool operator==(const WrapperNeighbours&) const = default;
};

// The wrapper stops its program and exits with status 0. `end`: its lane is ended first (R8).
struct WrapperStop {
  bool end = false;

  bool operator==(const WrapperStop&) const = default;
};

// --------------------------------------------------------------------------------------------

using Message = std::variant<Ok, Refusal, Unknown, PipelinePut, PipelineRun, PipelineStop,
                             PipelineStatusRequest, PipelineStatus, BrokerStatusRequest,
                             BrokerStatus, AgentRegister, AgentReport, AgentOrders, WrapperHello,
                             WrapperReport, WrapperNeighbours, WrapperStop>;

// `request` is chosen by who asks, unique for each request and the same when it is asked again; the
// answer bears it too. It may be empty where nobody waits for an answer.
struct Envelope {
  std::string request;
  Message message;

  bool operator==(const Envelope&) const = default;
};

// kLimit if the message would be larger than kControlMessageBytesMax. `message` is not Unknown.
Result<std::string> encode(const Envelope& envelope);

// kCorrupt: not a message at all; kInvalid: a field has a wrong type or is out of its range;
// kLimit: larger than any message may be.
Result<Envelope> decode(std::string_view bytes);

// The request id of a message that decode() refuses, so that the refusal can be addressed; empty if
// it cannot be told.
std::string request_of(std::string_view bytes);

// The type as it stands on the wire: "pipeline.run".
std::string_view type_name(const Message& message);

// Single values, for what is kept on disk. Errors as for decode(). A spec or an order that breaks
// the limits above is refused by the decoder, not by the encoder.
std::string encode_spec(const graph::PipelineSpec& spec);
Result<graph::PipelineSpec> decode_spec(std::string_view bytes);
std::string encode_node(const graph::NodeSpec& node);
Result<graph::NodeSpec> decode_node(std::string_view bytes);
std::string encode_order(const StartOrder& order);
Result<StartOrder> decode_order(std::string_view bytes);
std::string encode_status(const InstanceStatus& status);
Result<InstanceStatus> decode_status(std::string_view bytes);
std::string encode_run(const PipelineRun& run);
Result<PipelineRun> decode_run(std::string_view bytes);

// As in design 8: "stored", "starting", ...
std::string_view to_string(PipelineState state);
std::string_view to_string(InstanceState state);

inline Refusal refusal(const Error& error) { return Refusal{error.code, error.what}; }

}  // namespace weir::wire
