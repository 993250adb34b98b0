// The broker's decisions, each a function of the state: where a node goes, what an agent is told,
// how a pipeline is doing. Nothing is remembered from one call to the next. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "broker/core/state.h"

namespace weir::broker {

// The agent for a node: the first of `hosts` that is connected, else the connected agent with the
// fewest placements (by name where they are equal). None: no such agent is connected.
std::optional<std::string> choose_agent(const State& state, const graph::NodeSpec& node);

// The order for a placed node. None while a reader's endpoint is not known: a node starts after its
// readers. Log folder, sockets and files are the agent's to fill in.
std::optional<wire::StartOrder> make_order(const State& state, const Pipeline& pipeline,
                                           uint32_t node);

// All that this agent should be told; `version` is left 0. A node of a pipeline that is to stop
// comes into the stop list when all that write to it are gone, so sources stop first.
wire::AgentOrders make_orders(const State& state, const Agent& agent);

wire::PipelineStatus make_status(const State& state, const Pipeline& pipeline);

// All instances are up: running, or ended.
bool all_up(const State& state, const Pipeline& pipeline);
// All sinks have ended and settled.
bool all_settled(const State& state, const Pipeline& pipeline);

}  // namespace weir::broker
