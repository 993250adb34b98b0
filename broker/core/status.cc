#include "broker/core/status.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "broker/core/agent_choice.h"
#include "broker/core/orders.h"
#include "schema/graph/suggest.h"

namespace weir::broker {
namespace {

using wire::InstanceState;
using wire::InstanceStatus;
using wire::PipelineState;

InstanceStatus not_reported(const wire::InstanceKey& key, InstanceState as, uint64_t term) {
  InstanceStatus status;
  status.pipeline = key.pipeline;
  status.node = key.node;
  status.instance = key.instance;
  status.term = term;
  status.state = as;
  return status;
}

void mark_absent(const State& state, wire::InstanceReport& report) {
  if (state.lost.contains(report.agent)) {
    report.status.state = InstanceState::kLost;
    report.status.pid = report.status.action_pid = 0;
  } else if (!state.is_connected(report.agent)) {
    report.status.state = InstanceState::kUnmanaged;
  }
}

// Nothing of it is missing, whatever there is of it.
InstanceStatus status_of_retired(const State& state, const wire::InstanceKey& key, uint64_t term) {
  InstanceStatus status = not_reported(key, InstanceState::kEnded, term);
  if (const auto last = state.figures.find(key); last != state.figures.end()) status = last->second;
  status.state = InstanceState::kEnded;
  status.ended_and_settled = true;
  status.endpoint.clear();
  status.remote_endpoint.clear();
  status.pid = status.action_pid = 0;
  status.last_error.clear();
  return status;
}

wire::InstanceReport make_report(const State& state, const Pipeline& pipeline, uint32_t instance) {
  const wire::InstanceKey key = pipeline.key(instance);
  const Placement* placed = state.placement(key);
  if (placed == nullptr) return {"", not_reported(key, InstanceState::kWaiting, 0)};
  if (is_retired(pipeline, instance, *placed)) {
    return {placed->agent, status_of_retired(state, key, placed->term)};
  }
  if (const InstanceStatus* report = state.report(key); report != nullptr) {
    wire::InstanceReport result{placed->agent, *report};
    // It reports those that were not taken; these are the last ones.
    if (const auto last = state.figures.find(key); last != state.figures.end()) {
      result.status.notes = last->second.notes;
    }
    mark_absent(state, result);
    return result;
  }
  wire::InstanceReport result{placed->agent,
                              not_reported(key, InstanceState::kWaiting, placed->term)};
  if (const auto last = state.figures.find(key); last != state.figures.end()) {
    // Nothing runs, but what it has done stays true.
    result.status = last->second;
    result.status.term = placed->term;
    result.status.state = InstanceState::kWaiting;
    result.status.endpoint.clear();
    result.status.remote_endpoint.clear();
    result.status.pid = result.status.action_pid = 0;
    result.status.ended_and_settled = false;
    result.status.records_in_per_second = result.status.records_out_per_second = 0;
    result.status.bytes_in_per_second = result.status.bytes_out_per_second = 0;
    result.status.last_error.clear();
  }
  mark_absent(state, result);
  return result;
}

// Of a completed pipeline nothing runs any more, and nothing is missing.
void settle_reports(std::vector<wire::NodeStatus>& nodes) {
  for (wire::NodeStatus& node : nodes) {
    for (wire::InstanceReport& report : node.instances) {
      report.status.state = InstanceState::kEnded;
      report.status.last_error.clear();
      if (node.sink) report.status.ended_and_settled = true;
    }
  }
}

// Which reader of a placed node cannot be reached although it is up; empty: none.
std::string unreachable_reader(const State& state, const Pipeline& pipeline, uint32_t instance) {
  const Placement* placed = state.placement(pipeline.key(instance));
  const Agent* from = placed == nullptr ? nullptr : state.agent(placed->agent);
  if (from == nullptr) return {};
  for (const uint32_t output : pipeline.outputs_of(instance)) {
    const wire::InstanceKey key = pipeline.key(output);
    const InstanceStatus* report = state.report(key);
    if (report == nullptr || report->endpoint.empty()) continue;
    const Agent* to = state.agent(state.placement(key)->agent);
    if (endpoint_for(*from, *to, *report).empty()) return key.node + " on agent " + to->name;
  }
  return {};
}

std::string hosts_text(const graph::NodeSpec& node) {
  if (node.hosts.empty()) return "an agent";
  std::string text = "agent ";
  for (size_t i = 0; i < node.hosts.size(); ++i) text += (i == 0 ? "" : " or ") + node.hosts[i];
  return text;
}

bool is_known(const State& state, const std::string& agent) {
  return state.agents.contains(agent) || state.identities.contains(agent);
}

// What an instance that is not placed waits for, and why that does not come.
std::string awaited_text(const State& state, const graph::NodeSpec& node) {
  for (const std::string& agent : state.awaited) {
    if (may_be_on(node, agent)) return "agent " + agent + ", which may have it already";
  }
  const std::string text = hosts_text(node);
  if (node.hosts.empty()) return text + ": none is connected";
  if (std::any_of(node.hosts.begin(), node.hosts.end(),
                  [&](const std::string& host) { return is_known(state, host); })) {
    return text + ", which is not connected";
  }
  return text + ", of which the broker has never heard";
}

// What is perhaps meant by the hosts of an instance that is not placed; empty if they are known.
std::string meant_hosts(const State& state, const graph::NodeSpec& node) {
  if (node.hosts.empty() || is_known(state, node.hosts.front())) return {};
  std::vector<std::string> known;
  for (const auto& [name, agent] : state.agents) known.push_back(name);
  return graph::did_you_mean(node.hosts.front(), known);
}

// Why an instance is not up, by itself; empty if it is. One that is placed and was not ordered yet
// waits for its readers, whatever keeps those.
std::string own_trouble(const State& state, const Pipeline& pipeline, uint32_t instance,
                        const wire::InstanceReport& report) {
  const graph::NodeSpec& node = pipeline.node(instance);
  const std::string& error = report.status.last_error;
  switch (report.status.state) {
    case InstanceState::kRunning:
    case InstanceState::kEnded:
      return {};
    case InstanceState::kWaiting:
      if (report.agent.empty()) return "waits for " + awaited_text(state, node);
      if (const std::string reader = unreachable_reader(state, pipeline, instance);
          !reader.empty()) {
        return "cannot reach " + reader + ", which has no address: start that agent with --address";
      }
      return "waits for its readers";
    case InstanceState::kStarting:
      return error.empty() ? "starting" : "starting again: " + error;
    case InstanceState::kFailed:
      return error.empty() ? "failed" : error;
    case InstanceState::kLost:
      return "its agent " + report.agent + " is lost; waits for " + hosts_text(node);
    case InstanceState::kUnmanaged:
      return "waits for agent " + report.agent;
  }
  return "unknown state";
}

const wire::InstanceReport& report_of(const std::vector<wire::NodeStatus>& nodes,
                                      const Pipeline& pipeline, uint32_t instance) {
  const auto& reports = nodes[pipeline.graph.instances[instance].node].instances;
  return reports[pipeline.key(instance).instance];
}

struct Trouble {
  std::string text;    // Empty: it is up.
  uint32_t cause = 0;  // The instance whose own trouble it is.
};

// Of each instance. What waits for its readers names the one that does not come up, however many
// others wait in between, and why that does not.
std::vector<Trouble> troubles(const State& state, const Pipeline& pipeline,
                              const std::vector<wire::NodeStatus>& nodes) {
  std::vector<Trouble> all(pipeline.instances());
  for (const uint32_t instance : pipeline.graph.readers_first) {
    const wire::InstanceReport& report = report_of(nodes, pipeline, instance);
    all[instance] = {own_trouble(state, pipeline, instance, report), instance};
    if (report.status.state != InstanceState::kWaiting || report.agent.empty()) continue;
    const auto& outputs = pipeline.outputs_of(instance);
    const auto reader = std::find_if(outputs.begin(), outputs.end(), [&](uint32_t output) {
      const InstanceStatus* status = state.report(pipeline.key(output));
      return !all[output].text.empty() && (status == nullptr || status->endpoint.empty());
    });
    if (reader == outputs.end()) continue;
    const uint32_t cause = all[*reader].cause;
    all[instance] = {"waits for " + pipeline.node(cause).name + ": " + all[cause].text, cause};
  }
  return all;
}

// Why it cannot end yet: the log of a source that was lost with its host (R5). Empty: no reason.
std::string waits_for_log(const State& state, const Pipeline& pipeline) {
  for (uint32_t instance = 0; instance < pipeline.instances(); ++instance) {
    for (const Placement* drain : state.drains_of(pipeline.key(instance))) {
      if (drain->finished || state.is_connected(drain->agent)) continue;
      const std::string who =
          drain->agent.empty() ? "a host that the broker has forgotten" : drain->agent;
      return "waits for " + who + ": its log of " + drain->key.node +
             " may hold records that nobody else has; 'weirctl pipeline abandon " +
             pipeline.spec().name + "' gives them up";
    }
  }
  return {};
}

struct Summary {
  bool failed = false;
  bool all_up = true;
  bool all_settled = true;
  bool all_ended = true;
  std::string reason;  // Of the first node that failed, else of the first that is not up.
};

Summary summarise(const State& state, const Pipeline& pipeline,
                  const std::vector<wire::NodeStatus>& nodes) {
  Summary summary;
  const std::vector<Trouble> all = troubles(state, pipeline, nodes);
  std::optional<uint32_t> reason;
  for (uint32_t instance = 0; instance < pipeline.instances(); ++instance) {
    const InstanceStatus& status = report_of(nodes, pipeline, instance).status;
    const bool failed = status.state == InstanceState::kFailed;
    const bool up = all[instance].text.empty();
    if (!up && (!reason || (failed && !summary.failed))) reason = instance;
    summary.failed = summary.failed || failed;
    summary.all_up = summary.all_up && up;
    if (status.ended_and_settled) continue;
    summary.all_ended = false;
    if (pipeline.outputs_of(instance).empty()) summary.all_settled = false;
  }
  if (reason) {
    summary.reason = pipeline.node(*reason).name + ": " + all[*reason].text;
    const uint32_t cause = all[*reason].cause;
    const bool placed = state.placement(pipeline.key(cause)) != nullptr;
    const std::string hint = placed ? "" : meant_hosts(state, pipeline.node(cause));
    if (!hint.empty()) summary.reason += "; " + hint;
  }
  const std::string waits = waits_for_log(state, pipeline);
  if (!waits.empty()) summary.all_up = false;
  if (summary.reason.empty()) summary.reason = waits;
  return summary;
}

void judge_running(const Pipeline& pipeline, Summary summary, wire::PipelineStatus& status) {
  if (pipeline.record.completed) settle_reports(status.nodes);
  if (pipeline.record.completed || summary.all_settled) {
    status.state = PipelineState::kCompleted;
    return;
  }
  status.reason = std::move(summary.reason);
  if (summary.failed) {
    status.state = PipelineState::kFailed;
  } else if (summary.all_up) {
    status.state = PipelineState::kRunning;
  } else {
    status.state =
        pipeline.record.was_running ? PipelineState::kDegraded : PipelineState::kStarting;
  }
}

void judge_stopping(const State& state, const Pipeline& pipeline, wire::PipelineStatus& status) {
  status.state = PipelineState::kStopped;
  const bool removes = pipeline.record.desired == DesiredState::kRemove;
  const auto wait_for = [&](const std::string& node, const std::string& agent) {
    status.state = PipelineState::kStopping;
    if (!state.is_connected(agent)) status.reason = node + ": waits for agent " + agent;
  };
  for (const auto& [key, placed] : state.placements_of(status.name)) {
    if (!removes && !state.is_gone(&placed)) wait_for(key.node, placed.agent);
    if (!removes) continue;
    for (const std::string& agent : placed.kept_by()) {
      if (!placed.removed_from.contains(agent)) wait_for(key.node, agent);
    }
  }
  if (!removes) return;
  status.state = PipelineState::kStopping;
  status.reason = "is being removed" + (status.reason.empty() ? "" : ": " + status.reason);
}

std::vector<wire::NodeStatus> node_statuses(const State& state, const Pipeline& pipeline) {
  std::vector<wire::NodeStatus> nodes(pipeline.spec().nodes.size());
  for (uint32_t instance = 0; instance < pipeline.instances(); ++instance) {
    wire::NodeStatus& node = nodes[pipeline.graph.instances[instance].node];
    const graph::NodeSpec& spec = pipeline.node(instance);
    node.name = spec.name;
    node.caller_stdin = spec.caller_stdin;
    node.sink = pipeline.outputs_of(instance).empty();
    node.instances.push_back(make_report(state, pipeline, instance));
  }
  return nodes;
}

}  // namespace

wire::PipelineStatus make_status(const State& state, const Pipeline& pipeline) {
  wire::PipelineStatus status;
  status.name = pipeline.spec().name;
  status.nodes = node_statuses(state, pipeline);
  switch (pipeline.record.desired) {
    case DesiredState::kStored:
      status.state = PipelineState::kStored;
      break;
    case DesiredState::kRun:
      judge_running(pipeline, summarise(state, pipeline, status.nodes), status);
      break;
    case DesiredState::kStop:
    case DesiredState::kRemove:
      judge_stopping(state, pipeline, status);
      break;
  }
  return status;
}

wire::PipelineSummary make_summary(const State& state, const Pipeline& pipeline) {
  wire::PipelineStatus full = make_status(state, pipeline);
  wire::PipelineSummary summary;
  summary.name = std::move(full.name);
  summary.state = full.state;
  summary.reason = std::move(full.reason);
  for (uint32_t instance = 0; instance < pipeline.instances(); ++instance) {
    const bool source = pipeline.inputs_of(instance).empty();
    const InstanceStatus& status = report_of(full.nodes, pipeline, instance).status;
    ++summary.instances;
    if (status.state == InstanceState::kRunning || status.state == InstanceState::kEnded) {
      ++summary.instances_up;
    }
    if (source) summary.records_out_per_second += status.records_out_per_second;
    summary.dead_letters += status.dead_letters;
    summary.restarts += status.restarts;
  }
  return summary;
}

wire::BrokerStatus make_broker_status(const State& state, SteadyTime now) {
  wire::BrokerStatus status;
  for (const auto& [name, agent] : state.agents) {
    const auto ago = std::chrono::duration_cast<std::chrono::milliseconds>(now - agent.heard);
    status.agents.push_back({name, agent.address, agent.connected,
                             static_cast<uint32_t>(agent.instances.size()),
                             static_cast<uint64_t>(std::max<int64_t>(ago.count(), 0))});
  }
  for (const auto& [name, pipeline] : state.pipelines) {
    status.pipelines.push_back(make_summary(state, pipeline));
  }
  return status;
}

Progress progress(const State& state, const Pipeline& pipeline) {
  const Summary summary = summarise(state, pipeline, node_statuses(state, pipeline));
  return {summary.all_up, summary.all_settled, summary.all_ended};
}

}  // namespace weir::broker
