#include "broker/core/orders.h"

#include <algorithm>
#include <utility>

namespace weir::broker {
namespace {

using wire::InstanceStatus;

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

// The order for a placed instance, or for what is drained of it. None while the endpoint of a
// reader is not known: a node starts after its readers. Log folder, sockets and files are the
// agent's to fill in.
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

// A node and all of it that is drained.
bool all_gone(const State& state, const wire::InstanceKey& key) {
  const auto drains = state.drains_of(key);
  return state.is_gone(state.placement(key)) &&
         std::all_of(drains.begin(), drains.end(),
                     [&](const Placement* drain) { return state.is_gone(drain); });
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

}  // namespace

std::string endpoint_for(const Agent& from, const Agent& to, const wire::InstanceStatus& reader) {
  // Agents without addresses are those of `up`, which all are on one machine.
  const bool same_host = from.name == to.name || (from.address.empty() && to.address.empty());
  return same_host ? reader.endpoint : reader.remote_endpoint;
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

}  // namespace weir::broker
