// What an agent is told: a function of what is wanted, decided and reported. Nothing is remembered
// from one call to the next; OrderFeed says what of it was told already. Pure.
#pragma once

#include <string>

#include "broker/core/state.h"

namespace weir::broker {

// All that this agent should be told of a pipeline; `version` is left 0. A node of one that is to
// stop comes into the stop list when all that write to it are gone, so sources stop first.
wire::AgentOrders make_orders(const State& state, const Agent& agent, const std::string& pipeline);

// Where writers on the agent `from` reach the lanes of a reader on the agent `to`, which reports
// this; empty: nowhere, yet.
std::string endpoint_for(const Agent& from, const Agent& to, const wire::InstanceStatus& reader);

}  // namespace weir::broker
