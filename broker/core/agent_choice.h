// Which agent an instance is placed on. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>

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
// Likewise an instance; not if it is of no pipeline that is known.
bool may_be_at(const State& state, const wire::InstanceKey& key, const std::string& agent);

}  // namespace weir::broker
