// The broker's decisions, each a function of the state: where a node goes, what an agent is told,
// how a pipeline is doing. Nothing is remembered from one call to the next. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "broker/core/state.h"

namespace weir::broker {

// How many placements each connected agent has.
using Loads = std::map<std::string, size_t>;
Loads loads_of(const State& state);

// The agent for a node: the first of `hosts` that is connected, else the one with the least load
// (by name where they are equal). None: no such agent is connected.
std::optional<std::string> choose_agent(const Loads& loads, const graph::NodeSpec& node);

// Whether its `hosts` let it run there.
bool may_be_on(const graph::NodeSpec& node, const std::string& agent);

// Of each instance: all that it had is settled, and so it is with whoever reads it, up to the
// sinks. Nobody needs it any more, whatever is lost.
std::vector<bool> instances_over(const State& state, const Pipeline& pipeline);

// Whether a program of it would run on nothing if it began anew: it is over (see instances_over()).
inline bool is_retired(const Pipeline& pipeline, uint32_t instance, const Placement& placed) {
  return placed.finished && !pipeline.inputs_of(instance).empty();
}

// The order for a placed node, or for what is drained of it. None while a reader's endpoint is not
// known: a node starts after its readers. Log folder, sockets and files are the agent's to fill in.
std::optional<wire::StartOrder> make_order(const State& state, const Pipeline& pipeline,
                                           uint32_t instance, const Placement& placed);

// All that this agent should be told of a pipeline; `version` is left 0. A node of one that is to
// stop comes into the stop list when all that write to it are gone, so sources stop first.
wire::AgentOrders make_orders(const State& state, const Agent& agent, const std::string& pipeline);

wire::PipelineStatus make_status(const State& state, const Pipeline& pipeline);
wire::PipelineSummary make_summary(const State& state, const Pipeline& pipeline);

// Whether the difference between two reports of an instance can change a decision; figures do not.
bool same_for_decisions(const wire::InstanceStatus& a, const wire::InstanceStatus& b);

// Where writers on the agent `from` reach the lanes of a reader on the agent `to`, which reports
// this; empty: nowhere, yet.
std::string endpoint_for(const Agent& from, const Agent& to, const wire::InstanceStatus& reader);

// How a pipeline that is wanted to run is doing, without what was decided earlier.
struct Progress {
  bool all_up = false;       // All instances are running or ended.
  bool all_settled = false;  // All sinks have ended and settled.
  bool all_ended = false;    // All instances have.
};
Progress progress(const State& state, const Pipeline& pipeline);

// Whether it is to be up: a completed one is not.
inline bool is_wanted_up(const Pipeline& pipeline) {
  return pipeline.record.desired == DesiredState::kRun && !pipeline.record.completed;
}

}  // namespace weir::broker
