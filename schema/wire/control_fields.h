// The fields of each control message under their wire names: one description for writing and
// reading. Only control.cc includes this.
//
// `archive(name, member)` is called once for each field, in the order in which they are written.
// Adding a field is adding a line; a name that was ever used is never used for something else.
#pragma once

#include <array>
#include <concepts>
#include <type_traits>
#include <utility>

#include "schema/wire/control.h"
#include "schema/wire/dead_letter.h"

namespace weir::wire::fields {

// T is U or const U: the same description serves both directions.
template <typename T, typename U>
concept Is = std::same_as<std::remove_const_t<T>, U>;

// Enumerations are written as words, so that a new value is refused and not misunderstood.
template <typename E>
struct Words;
template <>
struct Words<graph::Protocol> {
  static constexpr std::array<std::string_view, 4> kAll{"pipe", "lines", "frames", "positions"};
};
template <>
struct Words<graph::Unit> {
  static constexpr std::array<std::string_view, 3> kAll{"stream", "batch", "record"};
};
template <>
struct Words<graph::Buffering> {
  static constexpr std::array<std::string_view, 2> kAll{"program", "line"};
};
template <>
struct Words<graph::Durability> {
  static constexpr std::array<std::string_view, 2> kAll{"disk", "process"};
};
template <>
struct Words<InstanceState> {
  static constexpr std::array<std::string_view, 7> kAll{"waiting", "starting", "running",  "ended",
                                                        "failed",  "lost",     "unmanaged"};
};
template <>
struct Words<PipelineState> {
  static constexpr std::array<std::string_view, 8> kAll{
      "stored", "starting", "running", "degraded", "stopping", "stopped", "completed", "failed"};
};
template <>
struct Words<LogKind> {
  static constexpr std::array<std::string_view, 3> kAll{"stderr", "stdout", "wrapper"};
};
template <>
struct Words<DeadAction> {
  static constexpr std::array<std::string_view, 2> kAll{"retry", "drop"};
};
template <>
struct Words<ErrorCode> {
  static constexpr std::array<std::string_view, 8> kAll{
      "invalid", "not_found", "conflict", "unavailable", "timeout", "corrupt", "limit", "io"};
};

template <typename E>
std::string_view word(E value) {
  return Words<E>::kAll.at(static_cast<size_t>(value));
}

// Text in memory, binary on the wire.
template <typename A, Is<std::string> T>
void binary(A& archive, const char* name, T& text) {
  Bytes bytes{text};
  archive(name, bytes);
  if constexpr (!std::is_const_v<T>) text = std::move(bytes.value);
}

// ---- The pipeline --------------------------------------------------------------------------

template <typename A, Is<graph::NodeSpec> T>
void describe(A& archive, T& v) {
  archive("name", v.name);
  archive("caller_stdin", v.caller_stdin);
  archive("action", v.action);
  archive("args", v.args);
  archive("run", v.run);
  archive("protocol", v.protocol);
  archive("unit", v.unit);
  archive("delimiter", v.delimiter);
  archive("accept", v.accept);
  archive("retries", v.retries);
  archive("backoff_first_ms", v.backoff_first);
  archive("backoff_max_ms", v.backoff_max);
  archive("max_dead", v.max_dead);
  archive("in_flight", v.in_flight);
  archive("max_records", v.max_records);
  archive("max_bytes", v.max_bytes);
  archive("max_output_bytes", v.max_output_bytes);
  archive("durability", v.durability);
  archive("rerun", v.rerun);
  archive("portable", v.portable);
  archive("stall_timeout_ms", v.stall_timeout);
  archive("buffering", v.buffering);
  archive("hosts", v.hosts);
  archive("env", v.env);
  archive("allow", v.allow);
  archive("settings", v.settings);
}

template <typename A, Is<graph::EdgeSpec> T>
void describe(A& archive, T& v) {
  archive("from", v.from);
  archive("to", v.to);
}

template <typename A, Is<graph::ActionSpec> T>
void describe(A& archive, T& v) {
  archive("file", v.file);
}

template <typename A, Is<graph::PipelineSpec> T>
void describe(A& archive, T& v) {
  archive("name", v.name);
  archive("dataflow", v.dataflow);
  archive("nodes", v.nodes);
  archive("edges", v.edges);
  archive("actions", v.actions);
}

// ---- Orders and reports --------------------------------------------------------------------

template <typename A, Is<ReaderOrder> T>
void describe(A& archive, T& v) {
  archive("name", v.name);
  archive("endpoint", v.endpoint);
}

template <typename A, Is<ActionRef> T>
void describe(A& archive, T& v) {
  archive("name", v.name);
  archive("version", v.version);
  archive("sha256", v.sha256);
  archive("bytes", v.bytes);
}

template <typename A, Is<StartOrder> T>
void describe(A& archive, T& v) {
  archive("pipeline", v.pipeline);
  archive("node", v.node);
  archive("instance", v.instance);
  archive("term", v.term);
  archive("writers", v.writers);
  archive("readers", v.readers);
  archive("sink", v.sink);
  archive("log_dir", v.log_dir);
  archive("listen", v.listen);
  archive("agent_endpoint", v.agent_endpoint);
  archive("working_dir", v.working_dir);
  archive("stderr_file", v.stderr_file);
  archive("log_limit_bytes", v.log_limit_bytes);
  archive("trim_at_taken", v.trim_at_taken);
  archive("uploaded", v.uploaded);
  archive("end", v.end);
  archive("listen_remote", v.listen_remote);
  archive("stdout_file", v.stdout_file);
  archive("log_term", v.log_term);
  archive("drains", v.drained_term);
  archive("position", v.position.records);
  binary(archive, "position_token", v.position.token);
}

template <typename A, Is<RecordId> T>
void describe(A& archive, T& v) {
  archive("term", v.term);
  archive("boot", v.boot);
  archive("seq", v.seq);
}

template <typename A, Is<Note> T>
void describe(A& archive, T& v) {
  archive("number", v.number);
  archive("times", v.times);
  archive("text", v.text);
}

template <typename A, Is<InstanceStatus> T>
void describe(A& archive, T& v) {
  archive("pipeline", v.pipeline);
  archive("node", v.node);
  archive("instance", v.instance);
  archive("term", v.term);
  archive("boot", v.boot);
  archive("state", v.state);
  archive("ended_and_settled", v.ended_and_settled);
  archive("endpoint", v.endpoint);
  archive("remote_endpoint", v.remote_endpoint);
  archive("pid", v.pid);
  archive("action_pid", v.action_pid);
  archive("records_in", v.records_in);
  archive("records_out", v.records_out);
  archive("bytes_in", v.bytes_in);
  archive("bytes_out", v.bytes_out);
  archive("records_in_per_second", v.records_in_per_second);
  archive("records_out_per_second", v.records_out_per_second);
  archive("bytes_in_per_second", v.bytes_in_per_second);
  archive("bytes_out_per_second", v.bytes_out_per_second);
  archive("unsettled_records", v.unsettled_records);
  archive("unsettled_ms", v.unsettled_ms);
  archive("settled_position", v.settled_position.records);
  binary(archive, "settled_token", v.settled_position.token);
  archive("settled_record", v.settled_record);
  archive("log_bytes", v.log_bytes);
  archive("restarts", v.restarts);
  archive("dead_letters", v.dead_letters);
  archive("nonzero_exits", v.nonzero_exits);
  archive("last_nonzero_exit", v.last_nonzero_exit);
  archive("log_term", v.log_term);
  archive("drains", v.drained_term);
  archive("writers", v.writers);
  archive("heard", v.heard);
  archive("fenced_by", v.fenced_by);
  archive("last_error", v.last_error);
  archive("notes", v.notes);
}

template <typename A, Is<InstanceKey> T>
void describe(A& archive, T& v) {
  archive("pipeline", v.pipeline);
  archive("node", v.node);
  archive("instance", v.instance);
  archive("drains", v.drained_term);
}

template <typename A, Is<DeadLetter> T>
void describe(A& archive, T& v) {
  archive("pipeline", v.pipeline);
  archive("node", v.node);
  archive("instance", v.instance);
  archive("id", v.id);
  archive("origin", v.origin);
  archive("origin_record", v.origin_record);
  archive("unit", v.unit);
  archive("unix_ms", v.unix_ms);
  archive("attempts", v.attempts);
  archive("reason", v.reason);
  archive("status", v.status);
  archive("signal", v.signal);
  archive("stderr_tail", v.stderr_tail);
  archive("action", v.action);
  archive("record_bytes", v.record_bytes);
  archive("sent_bytes", v.sent_bytes);
  archive("retrying", v.retrying);
}

// ---- Messages ------------------------------------------------------------------------------

template <typename A, Is<Ok> T>
void describe(A& /*archive*/, T& /*v*/) {}

template <typename A, Is<Refusal> T>
void describe(A& archive, T& v) {
  archive("code", v.code);
  archive("what", v.what);
}

template <typename A, Is<PipelinePut> T>
void describe(A& archive, T& v) {
  archive("spec", v.spec);
}

template <typename A, Is<RunOptions> T>
void describe(A& archive, T& v) {
  archive("trim_at_taken", v.trim_at_taken);
  archive("log_limit_bytes", v.log_limit_bytes);
  archive("working_dir", v.working_dir);
  archive("stay_placed", v.stay_placed);
}

template <typename A, Is<PipelineRun> T>
void describe(A& archive, T& v) {
  archive("name", v.name);
  archive("sink_reader", v.sink_reader);
  archive("options", v.options);
}

template <typename A, Is<PipelineStop> T>
void describe(A& archive, T& v) {
  archive("name", v.name);
  archive("end", v.end);
}

template <typename A, Is<PipelineRemove> T>
void describe(A& archive, T& v) {
  archive("name", v.name);
  archive("discard", v.discard);
}

template <typename A, Is<AgentRemove> T>
void describe(A& archive, T& v) {
  archive("name", v.name);
}

template <typename A, Is<PipelineAbandon> T>
void describe(A& archive, T& v) {
  archive("name", v.name);
}

template <typename A, Is<PipelineGet> T>
void describe(A& archive, T& v) {
  archive("name", v.name);
}

template <typename A, Is<PipelineSpecIs> T>
void describe(A& archive, T& v) {
  archive("spec", v.spec);
}

template <typename A, Is<PipelineStatusRequest> T>
void describe(A& archive, T& v) {
  archive("name", v.name);
}

template <typename A, Is<InstanceReport> T>
void describe(A& archive, T& v) {
  archive("agent", v.agent);
  archive("status", v.status);
}

template <typename A, Is<NodeStatus> T>
void describe(A& archive, T& v) {
  archive("name", v.name);
  archive("caller_stdin", v.caller_stdin);
  archive("sink", v.sink);
  archive("instances", v.instances);
}

template <typename A, Is<PipelineStatus> T>
void describe(A& archive, T& v) {
  archive("name", v.name);
  archive("state", v.state);
  archive("reason", v.reason);
  archive("nodes", v.nodes);
}

template <typename A, Is<BrokerStatusRequest> T>
void describe(A& /*archive*/, T& /*v*/) {}

template <typename A, Is<AgentSummary> T>
void describe(A& archive, T& v) {
  archive("name", v.name);
  archive("address", v.address);
  archive("connected", v.connected);
  archive("instances", v.instances);
  archive("heard_ms_ago", v.heard_ms_ago);
}

template <typename A, Is<PipelineSummary> T>
void describe(A& archive, T& v) {
  archive("name", v.name);
  archive("state", v.state);
  archive("reason", v.reason);
  archive("instances", v.instances);
  archive("instances_up", v.instances_up);
  archive("records_out_per_second", v.records_out_per_second);
  archive("dead_letters", v.dead_letters);
  archive("restarts", v.restarts);
}

template <typename A, Is<BrokerStatus> T>
void describe(A& archive, T& v) {
  archive("agents", v.agents);
  archive("pipelines", v.pipelines);
}

template <typename A, Is<ActionPut> T>
void describe(A& archive, T& v) {
  archive("name", v.name);
  archive("sha256", v.sha256);
  archive("bytes", v.bytes);
}

template <typename A, Is<ActionChunk> T>
void describe(A& archive, T& v) {
  archive("sha256", v.sha256);
  archive("offset", v.offset);
  archive("data", v.data);
}

template <typename A, Is<ActionWanted> T>
void describe(A& archive, T& v) {
  archive("sha256", v.sha256);
  archive("offset", v.offset);
}

template <typename A, Is<ActionStored> T>
void describe(A& archive, T& v) {
  archive("action", v.action);
}

template <typename A, Is<ActionList> T>
void describe(A& /*archive*/, T& /*v*/) {}

template <typename A, Is<ActionVersion> T>
void describe(A& archive, T& v) {
  archive("action", v.action);
  archive("stored_at_ms", v.stored_at_ms);
  archive("used_by", v.used_by);
}

template <typename A, Is<ActionListIs> T>
void describe(A& archive, T& v) {
  archive("versions", v.versions);
}

template <typename A, Is<ActionFind> T>
void describe(A& archive, T& v) {
  archive("name", v.name);
  archive("version", v.version);
}

template <typename A, Is<ActionFetch> T>
void describe(A& archive, T& v) {
  archive("sha256", v.sha256);
  archive("offset", v.offset);
}

template <typename A, Is<ActionData> T>
void describe(A& archive, T& v) {
  archive("sha256", v.sha256);
  archive("offset", v.offset);
  archive("data", v.data);
}

template <typename A, Is<ActionRemove> T>
void describe(A& archive, T& v) {
  archive("name", v.name);
  archive("version", v.version);
}

template <typename A, Is<LogRead> T>
void describe(A& archive, T& v) {
  archive("instance", v.instance);
  archive("kind", v.kind);
  archive("file", v.file);
  archive("offset", v.offset);
  archive("tail_bytes", v.tail_bytes);
}

template <typename A, Is<LogData> T>
void describe(A& archive, T& v) {
  archive("file", v.file);
  archive("offset", v.offset);
  archive("data", v.data);
  archive("at_end", v.at_end);
  archive("gap", v.gap);
}

template <typename A, Is<DeadRead> T>
void describe(A& archive, T& v) {
  archive("instance", v.instance);
  archive("id", v.id);
  archive("from", v.from);
  archive("record_from", v.record_from);
  archive("record_bytes", v.record_bytes);
  archive("log_term", v.log_term);
}

template <typename A, Is<DeadData> T>
void describe(A& archive, T& v) {
  archive("letters", v.letters);
  archive("records", v.records);
  archive("next", v.next);
}

template <typename A, Is<DeadChange> T>
void describe(A& archive, T& v) {
  archive("instance", v.instance);
  archive("action", v.action);
  archive("ids", v.ids);
  archive("log_term", v.log_term);
}

template <typename A, Is<DeadChanged> T>
void describe(A& archive, T& v) {
  archive("instance", v.instance);
  archive("letters", v.letters);
  archive("left", v.left);
}

template <typename A, Is<Event> T>
void describe(A& archive, T& v) {
  archive("number", v.number);
  archive("time_ms", v.time_ms);
  archive("kind", v.kind);
  archive("pipeline", v.pipeline);
  archive("node", v.node);
  archive("agent", v.agent);
  archive("text", v.text);
}

template <typename A, Is<EventsRequest> T>
void describe(A& archive, T& v) {
  archive("after", v.after);
}

template <typename A, Is<Events> T>
void describe(A& archive, T& v) {
  archive("events", v.events);
}

template <typename A, Is<AgentRegister> T>
void describe(A& archive, T& v) {
  archive("name", v.name);
  archive("address", v.address);
  archive("instances", v.instances);
  archive("identity", v.identity);
  archive("more", v.more);
}

template <typename A, Is<AgentReport> T>
void describe(A& archive, T& v) {
  archive("name", v.name);
  archive("orders_version", v.orders_version);
  archive("instances", v.instances);
  archive("removing", v.removing);
  archive("changes_only", v.changes_only);
  archive("gone", v.gone);
  archive("more", v.more);
}

template <typename A, Is<AgentOrders> T>
void describe(A& archive, T& v) {
  archive("version", v.version);
  archive("start", v.start);
  archive("stop", v.stop);
  archive("remove", v.remove);
  archive("base", v.base);
}

template <typename A, Is<InstanceNotes> T>
void describe(A& archive, T& v) {
  archive("instance", v.instance);
  archive("boot", v.boot);
  archive("number", v.number);
}

template <typename A, Is<NotesTaken> T>
void describe(A& archive, T& v) {
  archive("instances", v.instances);
}

template <typename A, Is<WrapperHello> T>
void describe(A& archive, T& v) {
  archive("pipeline", v.pipeline);
  archive("node", v.node);
  archive("instance", v.instance);
  archive("term", v.term);
  archive("pid", v.pid);
  archive("drains", v.drained_term);
}

template <typename A, Is<WrapperReport> T>
void describe(A& archive, T& v) {
  archive("status", v.status);
}

template <typename A, Is<WrapperNeighbours> T>
void describe(A& archive, T& v) {
  archive("readers", v.readers);
}

template <typename A, Is<WrapperStop> T>
void describe(A& archive, T& v) {
  archive("end", v.end);
}

// ---- Types on the wire ---------------------------------------------------------------------

template <typename M>
struct TypeName;
#define WEIR_MESSAGE_TYPE(Struct, text)                \
  template <>                                          \
  struct TypeName<Struct> {                            \
    static constexpr std::string_view kValue = (text); \
  }
WEIR_MESSAGE_TYPE(Ok, "ok");
WEIR_MESSAGE_TYPE(Refusal, "error");
WEIR_MESSAGE_TYPE(Unknown, "unknown");  // Never on the wire.
WEIR_MESSAGE_TYPE(PipelinePut, "pipeline.put");
WEIR_MESSAGE_TYPE(PipelineRun, "pipeline.run");
WEIR_MESSAGE_TYPE(PipelineStop, "pipeline.stop");
WEIR_MESSAGE_TYPE(PipelineRemove, "pipeline.rm");
WEIR_MESSAGE_TYPE(PipelineAbandon, "pipeline.abandon");
WEIR_MESSAGE_TYPE(PipelineGet, "pipeline.get");
WEIR_MESSAGE_TYPE(PipelineSpecIs, "pipeline.get.is");
WEIR_MESSAGE_TYPE(PipelineStatusRequest, "pipeline.status");
WEIR_MESSAGE_TYPE(PipelineStatus, "pipeline.status.is");
WEIR_MESSAGE_TYPE(BrokerStatusRequest, "broker.status");
WEIR_MESSAGE_TYPE(BrokerStatus, "broker.status.is");
WEIR_MESSAGE_TYPE(ActionPut, "action.put");
WEIR_MESSAGE_TYPE(ActionChunk, "action.chunk");
WEIR_MESSAGE_TYPE(ActionWanted, "action.wanted");
WEIR_MESSAGE_TYPE(ActionStored, "action.stored");
WEIR_MESSAGE_TYPE(ActionList, "action.list");
WEIR_MESSAGE_TYPE(ActionListIs, "action.list.is");
WEIR_MESSAGE_TYPE(ActionFind, "action.find");
WEIR_MESSAGE_TYPE(ActionFetch, "action.fetch");
WEIR_MESSAGE_TYPE(ActionData, "action.data");
WEIR_MESSAGE_TYPE(ActionRemove, "action.rm");
WEIR_MESSAGE_TYPE(LogRead, "log.read");
WEIR_MESSAGE_TYPE(LogData, "log.data");
WEIR_MESSAGE_TYPE(DeadRead, "dead.read");
WEIR_MESSAGE_TYPE(DeadData, "dead.data");
WEIR_MESSAGE_TYPE(DeadChange, "dead.change");
WEIR_MESSAGE_TYPE(DeadChanged, "dead.changed");
WEIR_MESSAGE_TYPE(EventsRequest, "events");
WEIR_MESSAGE_TYPE(Events, "events.are");
WEIR_MESSAGE_TYPE(AgentRemove, "agent.rm");
WEIR_MESSAGE_TYPE(AgentRegister, "agent.register");
WEIR_MESSAGE_TYPE(AgentReport, "agent.report");
WEIR_MESSAGE_TYPE(AgentOrders, "agent.orders");
WEIR_MESSAGE_TYPE(NotesTaken, "notes.taken");
WEIR_MESSAGE_TYPE(WrapperHello, "wrapper.hello");
WEIR_MESSAGE_TYPE(WrapperReport, "wrapper.report");
WEIR_MESSAGE_TYPE(WrapperNeighbours, "wrapper.neighbours");
WEIR_MESSAGE_TYPE(WrapperStop, "wrapper.stop");
#undef WEIR_MESSAGE_TYPE

}  // namespace weir::wire::fields
