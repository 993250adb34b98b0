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
#include "schema/wire/bytes.h"
#include "schema/wire/dead_letter.h"
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
// Of the instances in one report, and of the orders in one message: what is more comes in another.
inline constexpr size_t kPartBytesMax = 1u << 20;
// What a node says in all (args, env, run): no system starts a program with as much.
inline constexpr size_t kNodeBytesMax = 4u << 20;
inline constexpr uint64_t kActionBytesMax = 1ull << 30;
inline constexpr size_t kActionChunkBytesMax = 1u << 20;
inline constexpr size_t kLogDataBytesMax = 256u << 10;
inline constexpr size_t kDeadDataBytesMax = 4u << 20;
inline constexpr size_t kDeadLettersPerAnswer = 1000;
inline constexpr size_t kDeadIdsMax = 10'000;
inline constexpr size_t kEventsPerAnswer = 1000;
inline constexpr size_t kSha256HexBytes = 64;

// Who reads the sinks' lanes, and writes that of `-`, in `up`.
inline constexpr std::string_view kWeirctlName = "weirctl.0";

// One instance of one node.
struct InstanceKey {
  std::string pipeline;
  std::string node;
  uint32_t instance = 0;
  uint64_t drained_term = 0;  // StartOrder::drained_term: such a one lives beside the node's own.

  auto operator<=>(const InstanceKey&) const = default;  // NOLINT(modernize-use-nullptr)
};

inline InstanceKey key_of(const StartOrder& order) {
  return {order.pipeline, order.node.name, order.instance, order.drained_term};
}
inline InstanceKey key_of(const InstanceStatus& status) {
  return {status.pipeline, status.node, status.instance, status.drained_term};
}
// "pipeline/node.instance", with "@term" of a lane that is drained.
inline std::string to_string(const InstanceKey& key) {
  return key.pipeline + "/" + lane_name(key.node, key.instance, key.drained_term);
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
  // Nodes of a lost agent stay where they are: all agents of `up` are on one machine, and their
  // logs are there.
  bool stay_placed = false;

  bool operator==(const RunOptions&) const = default;
};

// Wants a stored pipeline to run. For one that runs already only `sink_reader` and `options` are
// taken over. Answer: Ok as soon as that is stored; watch pipeline.status for the rest.
struct PipelineRun {
  std::string name;
  std::optional<ReaderOrder> sink_reader;  // A reader of every sink's lane: weirctl, in `up`.
  RunOptions options;

  bool operator==(const PipelineRun&) const = default;
};

// Wants a pipeline to stop, from sources to sinks. No lane is ended (R8), unless `end`: then the
// sources end their lanes, all that is under way is worked off, and the pipeline is completed.
// Answer: Ok, at once.
struct PipelineStop {
  std::string name;
  bool end = false;

  bool operator==(const PipelineStop&) const = default;
};

// Removes a pipeline with its logs on all agents. Refused with kConflict while it runs, and, unless
// `discard`, while its logs may hold what is not settled (it was run and is not completed) or dead
// letters. Answer: Ok, once that is stored; an agent that is away does it when it is back.
struct PipelineRemove {
  std::string name;
  bool discard = false;

  bool operator==(const PipelineRemove&) const = default;
};

// Gives up what only lost hosts hold: their sources' logs are waited for no more (R5). Refused with
// kConflict when nothing is waited for. Answer: Ok, once that is stored.
struct PipelineAbandon {
  std::string name;

  bool operator==(const PipelineAbandon&) const = default;
};

// Forgets an agent that is gone for good: its name is free, and nobody waits for what only it kept
// of pipelines that were removed or moved away. Refused with kConflict while it is connected, or
// while a pipeline has something there that is not given up. Answer: Ok, once that is stored.
struct AgentRemove {
  std::string name;

  bool operator==(const AgentRemove&) const = default;
};

// Answer: PipelineSpecIs, or a Refusal with kNotFound.
struct PipelineGet {
  std::string name;

  bool operator==(const PipelineGet&) const = default;
};

struct PipelineSpecIs {
  graph::PipelineSpec spec;

  bool operator==(const PipelineSpecIs&) const = default;
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
  uint64_t heard_ms_ago = 0;

  bool operator==(const AgentSummary&) const = default;
};

struct PipelineSummary {
  std::string name;
  PipelineState state = PipelineState::kStored;
  std::string reason;
  uint32_t instances = 0;
  uint32_t instances_up = 0;            // Running or ended.
  uint64_t records_out_per_second = 0;  // Of its sources.
  uint64_t dead_letters = 0;
  uint64_t restarts = 0;

  bool operator==(const PipelineSummary&) const = default;
};

struct BrokerStatus {
  std::vector<AgentSummary> agents;
  std::vector<PipelineSummary> pipelines;

  bool operator==(const BrokerStatus&) const = default;
};

// ---- Actions: programs that were uploaded ---------------------------------------------------

// Gives the content with this hash the next version of `name`. Answer: ActionWanted as long as the
// broker does not have all of it: send ActionChunks from that offset on, then ask again. In the end
// ActionStored. Putting what is the newest version already is no change.
struct ActionPut {
  std::string name;
  std::string sha256;
  uint64_t bytes = 0;  // 1 to kActionBytesMax.

  bool operator==(const ActionPut&) const = default;
};

// Answer: ActionWanted with what is wanted next; `bytes` of the put is the end.
struct ActionChunk {
  std::string sha256;
  uint64_t offset = 0;
  Bytes data;  // At most kActionChunkBytesMax.

  bool operator==(const ActionChunk&) const = default;
};

struct ActionWanted {
  std::string sha256;
  uint64_t offset = 0;

  bool operator==(const ActionWanted&) const = default;
};

struct ActionStored {
  ActionRef action;

  bool operator==(const ActionStored&) const = default;
};

// Answer: ActionListIs.
struct ActionList {
  bool operator==(const ActionList&) const = default;
};

struct ActionVersion {
  ActionRef action;
  uint64_t stored_at_ms = 0;         // Unix time.
  std::vector<std::string> used_by;  // Pipelines.

  bool operator==(const ActionVersion&) const = default;
};

struct ActionListIs {
  std::vector<ActionVersion> versions;  // By name, newest first.

  bool operator==(const ActionListIs&) const = default;
};

// Answer: ActionStored, or a Refusal with kNotFound.
struct ActionFind {
  std::string name;
  uint32_t version = 0;  // 0: the newest.

  bool operator==(const ActionFind&) const = default;
};

// A part of the content with this hash; for agents and for `action get`. Answer: ActionData, or a
// Refusal with kNotFound.
struct ActionFetch {
  std::string sha256;
  uint64_t offset = 0;

  bool operator==(const ActionFetch&) const = default;
};

struct ActionData {
  std::string sha256;
  uint64_t offset = 0;
  Bytes data;  // Empty at the end; else up to kActionChunkBytesMax.

  bool operator==(const ActionData&) const = default;
};

// Refused with kConflict while a pipeline uses it. Answer: Ok.
struct ActionRemove {
  std::string name;
  uint32_t version = 0;  // 0: all.

  bool operator==(const ActionRemove&) const = default;
};

// ---- Logs and events -----------------------------------------------------------------------

enum class LogKind { kStderr, kStdout, kWrapper };

// A part of a log file of an instance, from the agent that it is placed on; the broker passes
// question and answer on. Answer: LogData, or a Refusal: kNotFound, kUnavailable (the agent is not
// there).
struct LogRead {
  InstanceKey instance;
  LogKind kind = LogKind::kStderr;
  // Where to go on: from the last LogData. File 0: begin `tail_bytes` before the end of all that
  // is kept.
  uint64_t file = 0;
  uint64_t offset = 0;
  uint64_t tail_bytes = 0;

  bool operator==(const LogRead&) const = default;
};

struct LogData {
  uint64_t file = 0;  // Where to go on. 0: there is no such file yet.
  uint64_t offset = 0;
  Bytes data;           // At most kLogDataBytesMax.
  bool at_end = false;  // That was all there is by now.
  bool gap = false;     // What was asked for is not kept any more; this is the oldest there is.

  bool operator==(const LogData&) const = default;
};

// Something that happened, told once. The broker keeps the last kEventsKept.
struct Event {
  uint64_t number = 0;   // Ascending over the life of the broker's store.
  uint64_t time_ms = 0;  // Unix time.
  std::string kind;      // "pipeline.completed", "agent.silent", ...; docs/control.md lists them.
  std::string pipeline;  // What it is about; those that do not apply are empty.
  std::string node;
  std::string agent;
  std::string text;

  bool operator==(const Event&) const = default;
};

// Answer: Events, oldest first, those after number `after`, at most kEventsPerAnswer.
struct EventsRequest {
  uint64_t after = 0;

  bool operator==(const EventsRequest&) const = default;
};

struct Events {
  std::vector<Event> events;

  bool operator==(const Events&) const = default;
};

// ---- Dead letters --------------------------------------------------------------------------

// Those of an instance (R9), in the order in which they were given up. The broker passes question
// and answer on to the agent, and that to the wrapper, unless it is stopped. Answer: DeadData, or a
// Refusal: kNotFound, kUnavailable.
struct DeadRead {
  InstanceKey instance;
  std::string id;             // Only this one; empty: all from number `from` on.
  uint64_t from = 0;          // From the last DeadData.
  uint64_t record_from = 0;   // Of each record the part that begins here ...
  uint64_t record_bytes = 0;  // ... and is no longer than this.
  uint64_t log_term = 0;      // Of the placement; the broker fills it in.

  bool operator==(const DeadRead&) const = default;
};

struct DeadData {
  std::vector<DeadLetter> letters;
  std::vector<Bytes> records;  // Of each letter what was asked for: `sent_bytes` of it.
  uint64_t next = 0;           // `from` of the next question; 0: that was all.

  bool operator==(const DeadData&) const = default;
};

enum class DeadAction {
  kRetry,  // They are given to their program once more, each alone.
  kDrop,
};

// Done once, however often it is asked: letters that are gone are left out. Answer: DeadChanged, or
// a Refusal: kNotFound for an id that never was; kConflict for a retry where nothing runs any more.
struct DeadChange {
  InstanceKey instance;
  DeadAction action = DeadAction::kRetry;
  std::vector<std::string> ids;  // Empty: all of them.
  uint64_t log_term = 0;         // Of the placement; the broker fills it in.

  bool operator==(const DeadChange&) const = default;
};

// The letters are dropped, or wait to be tried: see DeadLetter::retrying for when they were.
struct DeadChanged {
  InstanceKey instance;
  uint64_t letters = 0;  // So many of those that were named.
  uint64_t left = 0;     // So many dead letters are there now.

  bool operator==(const DeadChanged&) const = default;
};

// ---- agent to broker, broker to agent ------------------------------------------------------

// First message on each connection. Answer: AgentOrders, with `more` Ok; or a Refusal with
// kConflict while another agent with this name, told by its identity, is heard.
struct AgentRegister {
  std::string name;
  std::string address;                    // Where others reach this host; may be empty.
  std::vector<InstanceStatus> instances;  // All that it has orders for.
  std::string identity = {};  // Of its data folder, for ever: tells it from others with its name.
  // The others come in AgentReports, each after the answer to what was before; until the last of
  // them nothing is decided about this agent.
  bool more = false;

  bool operator==(const AgentRegister&) const = default;
};

// Every second, and at once on a change. Answer: Ok, or a Refusal with kNotFound that asks for
// AgentRegister. After the last report of a registration AgentOrders come, as after that.
struct AgentReport {
  std::string name;
  uint64_t orders_version = 0;  // Of the last AgentOrders that it obeyed; 0: none.
  // All that the agent has orders for; or with `changes_only` those that have changed since they
  // were reported on this connection, or some of them.
  std::vector<InstanceStatus> instances;
  std::vector<InstanceKey> removing;  // Those of AgentOrders::remove that are not gone yet.
  bool changes_only = false;
  std::vector<InstanceKey> gone = {};  // With `changes_only`: it has no orders for these any more.
  // There is more to report already: it comes after the answer.
  bool more = false;

  bool operator==(const AgentReport&) const = default;
};

// What should run on this agent, and what should not. What is in neither list stays as it is. The
// first on a connection begins to say all of it; each that follows says more, or what has changed.
struct AgentOrders {
  uint64_t version = 0;  // Another number, another content; not ordered.
  std::vector<StartOrder> start;
  std::vector<InstanceKey> stop;
  std::vector<InstanceKey> remove;  // Stopped, and then all that is kept of them is deleted.
  // The version that this one follows. An agent that has obeyed another one last does not obey it,
  // and reports version 0; then all is said anew. 0: it follows nothing.
  uint64_t base = 0;

  bool operator==(const AgentOrders&) const = default;
};

// Up to which number the notes of an instance are taken, of the process that opened its log with
// this boot.
struct InstanceNotes {
  InstanceKey instance;
  uint64_t boot = 0;
  uint64_t number = 0;

  bool operator==(const InstanceNotes&) const = default;
};

// From the broker to an agent, and from that to the wrappers: these notes need not be told again.
struct NotesTaken {
  std::vector<InstanceNotes> instances;

  bool operator==(const NotesTaken&) const = default;
};

// ---- wrapper to agent, agent to wrapper ----------------------------------------------------

// First message of a wrapper. Answer: WrapperNeighbours, or WrapperStop if it should not run.
struct WrapperHello {
  std::string pipeline;
  std::string node;
  uint32_t instance = 0;
  uint64_t term = 0;
  int64_t pid = 0;
  uint64_t drained_term = 0;

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

using Message = std::variant<
    Ok, Refusal, Unknown, PipelinePut, PipelineRun, PipelineStop, PipelineRemove, PipelineAbandon,
    PipelineGet, PipelineSpecIs, PipelineStatusRequest, PipelineStatus, BrokerStatusRequest,
    BrokerStatus, ActionPut, ActionChunk, ActionWanted, ActionStored, ActionList, ActionListIs,
    ActionFind, ActionFetch, ActionData, ActionRemove, LogRead, LogData, DeadRead, DeadData,
    DeadChange, DeadChanged, EventsRequest, Events, AgentRemove, AgentRegister, AgentReport,
    AgentOrders, NotesTaken, WrapperHello, WrapperReport, WrapperNeighbours, WrapperStop>;

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
