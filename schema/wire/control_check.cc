#include "schema/wire/control_check.h"

#include <algorithm>
#include <string>

#include "schema/graph/names.h"
#include "schema/graph/resolver.h"
#include "schema/graph/topology.h"

namespace weir::wire {
namespace {

using std::chrono::milliseconds;

constexpr size_t kListMax = 4096;  // args, env, hosts, allow, writers, readers.
constexpr size_t kAcceptMax = 256;
constexpr uint32_t kInstanceMax = 1u << 16;
constexpr uint32_t kRetriesMax = 1'000'000;
constexpr uint32_t kInFlightMax = 1u << 20;
constexpr uint64_t kBytesMax = 1ull << 50;
constexpr milliseconds kDelayMax{7ll * 24 * 3600 * 1000};

Status wrong(std::string what) { return Error{ErrorCode::kInvalid, std::move(what)}; }

Status check_size(std::string_view field, size_t size, size_t limit) {
  if (size <= limit) return {};
  return Error{ErrorCode::kLimit, std::string(field) + ": " + std::to_string(size) +
                                      " where at most " + std::to_string(limit) + " are allowed"};
}

Status check_text(std::string_view field, const std::string& text, size_t limit) {
  if (auto fits = check_size(field, text.size(), limit); !fits) return fits;
  // These end up in argv, in the environment and in paths.
  if (text.find('\0') != std::string::npos) return wrong(std::string(field) + ": has a zero byte");
  return {};
}

Status check_texts(std::string_view field, const std::vector<std::string>& texts, size_t limit) {
  if (auto fits = check_size(field, texts.size(), kListMax); !fits) return fits;
  for (const std::string& text : texts) {
    if (auto good = check_text(field, text, limit); !good) return good;
  }
  return {};
}

Status check_token(std::string_view field, const SourcePosition& position) {
  return check_size(field, position.token.size(), kPositionTokenBytesMax);
}

template <typename T>
Status check_range(std::string_view field, T value, T low, T high) {
  if (value >= low && value <= high) return {};
  return wrong(std::string(field) + ": " + std::to_string(value) + " is not in " +
               std::to_string(low) + " to " + std::to_string(high));
}

// The first that failed, or success.
Status first_of(std::initializer_list<Status> all) {
  for (const Status& one : all) {
    if (!one) return one;
  }
  return {};
}

bool is_node(std::string_view name) { return name == "-" || graph::is_node_name(name); }

bool is_number(std::string_view digits, size_t digits_max) {
  return !digits.empty() && digits.size() <= digits_max &&
         std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// "node.instance", perhaps with "@term", or weirctl's own.
bool is_lane(std::string_view name) {
  if (const size_t at = name.rfind('@'); at != std::string_view::npos) {
    if (!is_number(name.substr(at + 1), 20)) return false;
    name = name.substr(0, at);
  }
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || !is_node(name.substr(0, dot))) return false;
  return is_number(name.substr(dot + 1), 6);
}

Status check_lanes(std::string_view field, const std::vector<std::string>& names) {
  if (auto fits = check_size(field, names.size(), kListMax); !fits) return fits;
  for (const std::string& name : names) {
    if (!is_lane(name)) return wrong(std::string(field) + ": a name is not NODE.INSTANCE");
  }
  return {};
}

Status check_instance(std::string_view pipeline, std::string_view node, uint32_t instance) {
  if (!graph::is_pipeline_name(pipeline)) {
    return wrong("pipeline: \"" + std::string(pipeline.substr(0, 80)) + "\" is not a good name");
  }
  if (!is_node(node)) {
    return wrong("node: \"" + std::string(node.substr(0, 80)) + "\" is not a good name");
  }
  return check_range<uint32_t>("instance", instance, 0, kInstanceMax);
}

Status check_agent_name(std::string_view name) {
  if (graph::is_host_name(name)) return {};
  return wrong("agent: \"" + std::string(name.substr(0, 80)) + "\" is not a good name");
}

Status check_reader(const ReaderOrder& reader) {
  if (!is_lane(reader.name)) return wrong("readers: a name is not NODE.INSTANCE");
  return check_text("readers: endpoint", reader.endpoint, kPathBytesMax);
}

Status check_readers(const std::vector<ReaderOrder>& readers) {
  if (auto fits = check_size("readers", readers.size(), kListMax); !fits) return fits;
  for (const ReaderOrder& reader : readers) {
    if (auto good = check_reader(reader); !good) return good;
  }
  return {};
}

Status check_program(const graph::NodeSpec& node) {
  if (auto fits = check_size("env", node.env.size(), kListMax); !fits) return fits;
  for (const auto& [name, value] : node.env) {
    if (name.empty() || name.find('=') != std::string::npos) return wrong("env: a name is bad");
    auto good =
        first_of({check_text("env", name, kTextBytesMax), check_text("env", value, kTextBytesMax)});
    if (!good) return good;
  }
  for (const std::string& host : node.hosts) {
    if (!graph::is_host_name(host)) return wrong("hosts: \"" + host + "\" is not a good name");
  }
  for (const auto& [name, values] : node.settings) {
    auto good = first_of({check_text("settings", name, graph::kNameMax),
                          check_texts("settings", values, kTextBytesMax)});
    if (!good) return good;
  }
  // With a slash in it, it is the path of a program on the agents' host and not a name.
  const bool is_path = node.action.find('/') != std::string::npos;
  return first_of({check_text("action", node.action, is_path ? kPathBytesMax : graph::kNameMax),
                   check_texts("args", node.args, kTextBytesMax),
                   check_text("run", node.run, kTextBytesMax),
                   check_size("hosts", node.hosts.size(), kListMax),
                   check_size("settings", node.settings.size(), kListMax),
                   check_texts("allow", node.allow, kPathBytesMax)});
}

Status check_settings(const graph::NodeSpec& node) {
  if (node.delimiter != '\n' && node.delimiter != '\0') return wrong("delimiter: not \\n or \\0");
  if (node.accept.empty()) return wrong("accept: is empty");
  for (const int status : node.accept) {
    if (auto good = check_range("accept", status, 0, 255); !good) return good;
  }
  return first_of({
      check_size("accept", node.accept.size(), kAcceptMax),
      check_range<uint32_t>("retries", node.retries, 0, kRetriesMax),
      check_range<int64_t>("backoff_first_ms", node.backoff_first.count(), 0, kDelayMax.count()),
      check_range<int64_t>("backoff_max_ms", node.backoff_max.count(), 0, kDelayMax.count()),
      check_range<int64_t>("stall_timeout_ms", node.stall_timeout.count(), 0, kDelayMax.count()),
      check_range<uint32_t>("in_flight", node.in_flight, 1, kInFlightMax),
      check_range<uint64_t>("max_records", node.max_records, 1, kBytesMax),
      check_range<uint64_t>("max_bytes", node.max_bytes, 1, kBytesMax),
      check_range<uint64_t>("max_output_bytes", node.max_output_bytes, 0, kBytesMax),
  });
}

Status check_statuses(const std::vector<InstanceStatus>& statuses) {
  if (auto fits = check_size("instances", statuses.size(), kInstancesPerAgentMax); !fits) {
    return fits;
  }
  for (const InstanceStatus& status : statuses) {
    if (auto good = check(status); !good) return good;
  }
  return {};
}

Status check_pipeline_name(std::string_view name) {
  if (graph::is_pipeline_name(name)) return {};
  return wrong("name: \"" + std::string(name.substr(0, 80)) + "\" is not a good pipeline name");
}

Status check_sha256(std::string_view text) {
  const bool good =
      text.size() == kSha256HexBytes && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
      });
  if (good) return {};
  return wrong("sha256: not 64 lower-case hex digits");
}

Status check_action_name(std::string_view name) {
  if (graph::is_node_name(name)) return {};
  return wrong("action: \"" + std::string(name.substr(0, 80)) + "\" is not a good name");
}

Status check_content(std::string_view sha256, uint64_t offset) {
  return first_of(
      {check_sha256(sha256), check_range<uint64_t>("offset", offset, 0, kActionBytesMax)});
}

Status check_ref(const ActionRef& action) {
  return first_of({check_action_name(action.name), check_sha256(action.sha256),
                   check_range<uint32_t>("version", action.version, 1, UINT32_MAX),
                   check_range<uint64_t>("bytes", action.bytes, 1, kActionBytesMax)});
}

Status check_keys(std::string_view field, const std::vector<InstanceKey>& keys) {
  if (auto fits = check_size(field, keys.size(), kInstancesPerAgentMax); !fits) return fits;
  for (const InstanceKey& key : keys) {
    if (auto one = check_instance(key.pipeline, key.node, key.instance); !one) return one;
  }
  return {};
}

Status check_orders(const AgentOrders& orders) {
  auto good = first_of({check_size("start", orders.start.size(), kInstancesPerAgentMax),
                        check_keys("stop", orders.stop), check_keys("remove", orders.remove)});
  if (!good) return good;
  for (const StartOrder& order : orders.start) {
    if (auto one = check(order); !one) return one;
  }
  return {};
}

struct MessageCheck {
  // Answers for people, and messages without fields, have nothing that a core relies on.
  template <typename T>
  Status operator()(const T& /*message*/) const {
    return {};
  }
  Status operator()(const Refusal& m) const {
    return check_size("what", m.what.size(), kErrorTextBytesMax);
  }
  Status operator()(const PipelinePut& m) const { return check(m.spec); }
  Status operator()(const PipelineRun& m) const { return check(m); }
  Status operator()(const PipelineStop& m) const { return check_pipeline_name(m.name); }
  Status operator()(const PipelineRemove& m) const { return check_pipeline_name(m.name); }
  Status operator()(const AgentRemove& m) const { return check_agent_name(m.name); }
  Status operator()(const PipelineAbandon& m) const { return check_pipeline_name(m.name); }
  Status operator()(const PipelineGet& m) const { return check_pipeline_name(m.name); }
  Status operator()(const PipelineSpecIs& m) const { return check(m.spec); }
  Status operator()(const PipelineStatusRequest& m) const { return check_pipeline_name(m.name); }
  Status operator()(const ActionPut& m) const {
    return first_of({check_action_name(m.name), check_sha256(m.sha256),
                     check_range<uint64_t>("bytes", m.bytes, 1, kActionBytesMax)});
  }
  Status operator()(const ActionChunk& m) const {
    return first_of({check_content(m.sha256, m.offset),
                     check_range<uint64_t>("data", m.data.value.size(), 1, kActionChunkBytesMax)});
  }
  Status operator()(const ActionWanted& m) const { return check_content(m.sha256, m.offset); }
  Status operator()(const ActionStored& m) const { return check_ref(m.action); }
  Status operator()(const ActionFind& m) const { return check_action_name(m.name); }
  Status operator()(const ActionFetch& m) const { return check_content(m.sha256, m.offset); }
  Status operator()(const ActionData& m) const {
    return first_of({check_content(m.sha256, m.offset),
                     check_size("data", m.data.value.size(), kActionChunkBytesMax)});
  }
  Status operator()(const ActionRemove& m) const { return check_action_name(m.name); }
  Status operator()(const LogRead& m) const {
    return check_instance(m.instance.pipeline, m.instance.node, m.instance.instance);
  }
  Status operator()(const LogData& m) const {
    return check_size("data", m.data.value.size(), kLogDataBytesMax);
  }
  Status operator()(const DeadRead& m) const {
    return first_of({check_instance(m.instance.pipeline, m.instance.node, m.instance.instance),
                     check_text("id", m.id, kPathBytesMax)});
  }
  Status operator()(const DeadData& m) const {
    if (m.records.size() != m.letters.size()) return wrong("records: not one for each letter");
    for (size_t i = 0; i < m.letters.size(); ++i) {
      if (m.letters[i].sent_bytes != m.records[i].value.size()) return wrong("records: a length");
      if (Status good = check(m.letters[i]); !good) return good;
    }
    return {};
  }
  Status operator()(const DeadChange& m) const {
    return first_of({check_instance(m.instance.pipeline, m.instance.node, m.instance.instance),
                     check_size("ids", m.ids.size(), kDeadIdsMax),
                     check_texts("ids", m.ids, kPathBytesMax)});
  }
  Status operator()(const DeadChanged& m) const {
    return check_instance(m.instance.pipeline, m.instance.node, m.instance.instance);
  }
  Status operator()(const AgentRegister& m) const {
    return first_of({check_agent_name(m.name), check_text("address", m.address, kPathBytesMax),
                     check_text("identity", m.identity, kPathBytesMax),
                     check_statuses(m.instances)});
  }
  Status operator()(const AgentReport& m) const {
    return first_of({check_agent_name(m.name), check_statuses(m.instances),
                     check_keys("removing", m.removing), check_keys("gone", m.gone)});
  }
  Status operator()(const AgentOrders& m) const { return check_orders(m); }
  Status operator()(const WrapperHello& m) const {
    return first_of({check_instance(m.pipeline, m.node, m.instance),
                     check_range<uint64_t>("term", m.term, 1, UINT64_MAX - 1),
                     check_range<int64_t>("pid", m.pid, 1, INT32_MAX)});
  }
  Status operator()(const WrapperReport& m) const { return check(m.status); }
  Status operator()(const WrapperNeighbours& m) const { return check_readers(m.readers); }
};

// All that a node says travels in one order.
Status check_bytes(const graph::NodeSpec& node) {
  size_t bytes = node.run.size() + node.action.size();
  for (const auto* const texts : {&node.args, &node.hosts, &node.allow}) {
    for (const std::string& text : *texts) bytes += text.size();
  }
  for (const auto& [name, value] : node.env) bytes += name.size() + value.size();
  return check_size("bytes of args, env and run", bytes, kNodeBytesMax);
}

}  // namespace

Status check(const graph::NodeSpec& node) {
  if (!is_node(node.name) || (node.name == "-") != node.caller_stdin) {
    return wrong("node: \"" + node.name.substr(0, 80) + "\" is not a good name");
  }
  if (auto good = check_program(node); !good) return Error(good.error()).in(node.name);
  if (auto good = check_settings(node); !good) return Error(good.error()).in(node.name);
  if (auto fits = check_bytes(node); !fits) return Error(fits.error()).in(node.name);
  return {};
}

Status check(const graph::PipelineSpec& spec) {
  auto good = first_of({check_pipeline_name(spec.name),
                        check_texts("dataflow", spec.dataflow, graph::kExpressionBytesMax),
                        check_size("nodes", spec.nodes.size(), graph::kNodesMax),
                        check_size("edges", spec.edges.size(), graph::kEdgesMax),
                        check_size("actions", spec.actions.size(), graph::kNodesMax)});
  if (!good) return good;
  for (const graph::NodeSpec& node : spec.nodes) {
    if (auto one = check(node); !one) return one;
  }
  return graph::check_topology(spec);
}

Status check(const StartOrder& order) {
  if (order.uploaded) {
    if (auto good = check_ref(*order.uploaded); !good) return good;
  }
  return first_of({check_instance(order.pipeline, order.node.name, order.instance),
                   check(order.node), check_range<uint64_t>("term", order.term, 1, UINT64_MAX - 1),
                   check_lanes("writers", order.writers), check_readers(order.readers),
                   check_text("log_dir", order.log_dir, kPathBytesMax),
                   check_text("listen", order.listen, kPathBytesMax),
                   check_text("agent_endpoint", order.agent_endpoint, kPathBytesMax),
                   check_text("working_dir", order.working_dir, kPathBytesMax),
                   check_text("listen_remote", order.listen_remote, kPathBytesMax),
                   check_text("stderr_file", order.stderr_file, kPathBytesMax),
                   check_text("stdout_file", order.stdout_file, kPathBytesMax),
                   check_token("position_token", order.position)});
}

Status check(const InstanceStatus& status) {
  for (const Note& note : status.notes) {
    if (auto fits = check_size("notes", note.text.size(), kErrorTextBytesMax); !fits) return fits;
  }
  return first_of({check_instance(status.pipeline, status.node, status.instance),
                   check_range<uint64_t>("term", status.term, 1, UINT64_MAX - 1),
                   check_lanes("writers", status.writers), check_lanes("heard", status.heard),
                   check_range<int64_t>("pid", status.pid, 0, INT32_MAX),
                   check_range<int64_t>("action_pid", status.action_pid, 0, INT32_MAX),
                   check_token("settled_token", status.settled_position),
                   check_text("endpoint", status.endpoint, kPathBytesMax),
                   check_text("remote_endpoint", status.remote_endpoint, kPathBytesMax),
                   check_size("last_error", status.last_error.size(), kErrorTextBytesMax),
                   check_size("notes", status.notes.size(), kNotesMax)});
}

Status check(const PipelineRun& run) {
  if (run.sink_reader) {
    if (auto good = check_reader(*run.sink_reader); !good) return good;
    if (run.sink_reader->endpoint.empty()) return wrong("sink_reader: has no endpoint");
  }
  return first_of(
      {check_pipeline_name(run.name),
       check_range<uint64_t>("log_limit_bytes", run.options.log_limit_bytes, 0, kBytesMax),
       check_text("working_dir", run.options.working_dir, kPathBytesMax)});
}

Status check(const DeadLetter& letter) {
  if (letter.sent_bytes > letter.record_bytes) return wrong("sent_bytes: more than the record has");
  return first_of({check_instance(letter.pipeline, letter.node, letter.instance),
                   check_text("id", letter.id, kPathBytesMax)});
}

Status check(const Message& message) { return std::visit(MessageCheck{}, message); }

}  // namespace weir::wire
