#include "broker/core/plan.h"

#include <algorithm>
#include <utility>

#include "schema/graph/suggest.h"

namespace weir::broker {
namespace {

using wire::InstanceState;
using wire::InstanceStatus;
using wire::PipelineState;

bool is_connected(const State& state, const std::string& name) {
  const Agent* agent = state.agent(name);
  return agent != nullptr && agent->connected;
}

// Whether its readers need not wait for it when they are to stop. What a lost agent had does not
// run, or nobody hears it.
bool is_gone(const State& state, const Placement* placed) {
  return placed == nullptr || placed->agent.empty() || placed->gone ||
         state.lost.contains(placed->agent);
}

// A node and all of it that is drained.
bool all_gone(const State& state, const wire::InstanceKey& key) {
  const auto drains = state.drains_of(key);
  return is_gone(state, state.placement(key)) &&
         std::all_of(drains.begin(), drains.end(),
                     [&](const Placement* drain) { return is_gone(state, drain); });
}

bool may_stop(const State& state, const Pipeline& pipeline, uint32_t instance) {
  const auto& inputs = pipeline.inputs_of(instance);
  return std::all_of(inputs.begin(), inputs.end(),
                     [&](uint32_t input) { return all_gone(state, pipeline.key(input)); });
}

void add_instance(const State& state, const Pipeline& pipeline, uint32_t instance,
                  const Placement& placed, wire::AgentOrders& orders) {
  if (is_wanted_up(pipeline)) {
    // Should its log be an old copy by now it would begin again.
    if (is_retired(pipeline, instance, placed)) return orders.stop.push_back(placed.key);
    if (auto order = make_order(state, pipeline, instance, placed)) {
      orders.start.push_back(std::move(*order));
    }
  } else if (!placed.gone && may_stop(state, pipeline, instance)) {
    orders.stop.push_back(placed.key);
  }
}

void add_drain(const State& state, const Pipeline& pipeline, uint32_t instance,
               const Placement& drain, wire::AgentOrders& orders) {
  if (drain.gone) return;
  if (drain.finished || !is_wanted_up(pipeline)) {
    orders.stop.push_back(drain.key);
  } else if (auto order = make_order(state, pipeline, instance, drain)) {
    orders.start.push_back(std::move(*order));
  }
}

// Of something that it has, or had.
void add_kept(const State& state, const Agent& agent, const Placement& placed,
              wire::AgentOrders& orders) {
  const wire::InstanceKey& key = placed.key;
  const auto found = state.pipelines.find(key.pipeline);
  if (found == state.pipelines.end() || found->second.record.desired == DesiredState::kRemove) {
    if (!placed.removed_from.contains(agent.name)) orders.remove.push_back(key);
    return;
  }
  const Pipeline& pipeline = found->second;
  const auto instance = pipeline.find(key);
  if (!instance || placed.agent != agent.name || pipeline.record.desired == DesiredState::kStored)
    return;
  if (key.drained_term != 0) {
    add_drain(state, pipeline, *instance, placed, orders);
  } else {
    add_instance(state, pipeline, *instance, placed, orders);
  }
}

// What the agent has although it belongs to another agent, or to no node of the pipeline. What
// belongs to a pipeline that this broker does not know or run is left alone: rather the broker
// lost its memory than that work is lost.
void add_strays(const State& state, const Agent& agent, const Pipeline& pipeline,
                wire::AgentOrders& orders) {
  const DesiredState desired = pipeline.record.desired;
  if (desired == DesiredState::kStored || desired == DesiredState::kRemove) return;
  for (const auto& [key, status] : entries_of(agent.instances, pipeline.spec().name)) {
    const Placement* placed = state.placement(key);
    // No placement yet: it is about to be placed, most likely here.
    const bool about_to_be = pipeline.find(key) && key.drained_term == 0;
    const bool stray = placed == nullptr ? !about_to_be : placed->agent != agent.name;
    if (stray) orders.stop.push_back(key);
  }
}

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
  } else if (!is_connected(state, report.agent)) {
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
      if (drain->finished || is_connected(state, drain->agent)) continue;
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
    if (!is_connected(state, agent)) status.reason = node + ": waits for agent " + agent;
  };
  for (const auto& [key, placed] : state.placements_of(status.name)) {
    if (!removes && !is_gone(state, &placed)) wait_for(key.node, placed.agent);
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

// R5: whether a reader reads all lanes of `writer` that are to be drained. Before it does, their
// successor must not write: the reader could take the successor's END for the end of all.
bool reads_what_is_drained(const Placement& reader, const InstanceStatus& report,
                           const wire::InstanceKey& writer) {
  const std::string drained = wire::lane_name(writer.node, writer.instance) + "@";
  return std::all_of(
      reader.drained_lanes.begin(), reader.drained_lanes.end(), [&](const std::string& lane) {
        return !lane.starts_with(drained) || std::find(report.writers.begin(), report.writers.end(),
                                                       lane) != report.writers.end();
      });
}

}  // namespace

Loads loads_of(const State& state) {
  Loads loads;
  for (const auto& [name, agent] : state.agents) {
    if (!agent.connected) continue;
    size_t& load = loads[name];
    const auto kept = state.kept.find(name);
    if (kept == state.kept.end()) continue;
    for (const wire::InstanceKey& key : kept->second) {
      const Placement& placed = state.placements.at(key);
      if (placed.agent == name && !placed.gone) ++load;
    }
  }
  return loads;
}

bool may_be_on(const graph::NodeSpec& node, const std::string& agent) {
  return node.hosts.empty() ||
         std::find(node.hosts.begin(), node.hosts.end(), agent) != node.hosts.end();
}

std::vector<bool> instances_over(const State& state, const Pipeline& pipeline) {
  const auto settled = [&](uint32_t instance) {
    const Placement* placed = state.placement(pipeline.key(instance));
    if (placed == nullptr) return false;
    if (is_retired(pipeline, instance, *placed)) return true;
    const auto last = state.figures.find(pipeline.key(instance));
    return last != state.figures.end() && last->second.ended_and_settled &&
           last->second.log_term == placed->log_term;
  };
  std::vector<bool> over(pipeline.instances());
  for (const uint32_t instance : pipeline.graph.readers_first) {
    const auto& outputs = pipeline.outputs_of(instance);
    over[instance] =
        settled(instance) &&
        std::all_of(outputs.begin(), outputs.end(), [&](uint32_t output) { return over[output]; });
  }
  return over;
}

std::optional<std::string> choose_agent(const Loads& loads, const graph::NodeSpec& node) {
  for (const std::string& host : node.hosts) {
    if (loads.contains(host)) return host;
  }
  if (!node.hosts.empty()) return std::nullopt;
  const auto least = std::min_element(
      loads.begin(), loads.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  if (least == loads.end()) return std::nullopt;
  return least->first;
}

bool same_for_decisions(const wire::InstanceStatus& a, const wire::InstanceStatus& b) {
  return a.term == b.term && a.log_term == b.log_term && a.state == b.state &&
         a.ended_and_settled == b.ended_and_settled && a.endpoint == b.endpoint &&
         a.remote_endpoint == b.remote_endpoint && a.writers == b.writers &&
         a.fenced_by == b.fenced_by;
}

std::string endpoint_for(const Agent& from, const Agent& to, const wire::InstanceStatus& reader) {
  // Agents without addresses are those of `up`, which all are on one machine.
  const bool same_host = from.name == to.name || (from.address.empty() && to.address.empty());
  return same_host ? reader.endpoint : reader.remote_endpoint;
}

std::optional<wire::StartOrder> make_order(const State& state, const Pipeline& pipeline,
                                           uint32_t instance, const Placement& placed) {
  const wire::InstanceKey& key = placed.key;
  const wire::PipelineRun& run = pipeline.record.run;
  const Agent* from = state.agent(placed.agent);
  wire::StartOrder order;
  for (const uint32_t output : pipeline.outputs_of(instance)) {
    const wire::InstanceKey reader = pipeline.key(output);
    const Placement* placed_reader = state.placement(reader);
    // It wants nothing more, and may be gone for ever.
    if (placed_reader != nullptr && is_retired(pipeline, output, *placed_reader)) continue;
    const InstanceStatus* report = state.report(reader);
    if (report == nullptr || from == nullptr) return std::nullopt;
    const Placement& reads = *placed_reader;
    if (key.drained_term == 0 && !reads_what_is_drained(reads, *report, key)) return std::nullopt;
    const Agent* to = state.agent(reads.agent);
    std::string endpoint = endpoint_for(*from, *to, *report);
    if (endpoint.empty()) return std::nullopt;
    order.readers.push_back({wire::lane_name(reader.node, reader.instance), std::move(endpoint)});
  }
  order.sink = pipeline.outputs_of(instance).empty();
  if (order.sink && run.sink_reader) order.readers.push_back(*run.sink_reader);
  for (const uint32_t input : pipeline.inputs_of(instance)) {
    const wire::InstanceKey writer = pipeline.key(input);
    order.writers.push_back(wire::lane_name(writer.node, writer.instance));
  }
  order.writers.insert(order.writers.end(), placed.drained_lanes.begin(),
                       placed.drained_lanes.end());
  order.pipeline = key.pipeline;
  order.node = pipeline.node(instance);
  if (order.node.caller_stdin) order.writers.emplace_back(wire::kWeirctlName);
  order.instance = key.instance;
  order.term = placed.term;
  order.log_term = placed.log_term;
  order.drained_term = key.drained_term;
  order.position = placed.position;
  order.working_dir = run.options.working_dir;
  order.log_limit_bytes = run.options.log_limit_bytes;
  order.trim_at_taken = run.options.trim_at_taken;
  // A source that is drained, or had nothing left to write, starts no program.
  const bool nothing_to_write = key.drained_term != 0 || placed.finished;
  order.end = order.writers.empty() && (pipeline.record.ending || nothing_to_write);
  for (const wire::ActionRef& action : pipeline.record.actions) {
    if (action.name == order.node.action) order.uploaded = action;
  }
  return order;
}

wire::AgentOrders make_orders(const State& state, const Agent& agent, const std::string& pipeline) {
  wire::AgentOrders orders;
  if (const auto kept = state.kept.find(agent.name); kept != state.kept.end()) {
    for (auto key = kept->second.lower_bound(wire::InstanceKey{pipeline, "", 0, 0});
         key != kept->second.end() && key->pipeline == pipeline; ++key) {
      add_kept(state, agent, state.placements.at(*key), orders);
    }
  }
  const auto known = state.pipelines.find(pipeline);
  if (known != state.pipelines.end()) add_strays(state, agent, known->second, orders);
  return orders;
}

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

Progress progress(const State& state, const Pipeline& pipeline) {
  const Summary summary = summarise(state, pipeline, node_statuses(state, pipeline));
  return {summary.all_up, summary.all_settled, summary.all_ended};
}

}  // namespace weir::broker
