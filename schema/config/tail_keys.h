// The keys of a node with action = "weir:tail" (docs/sources.md).
#pragma once

#include <string>
#include <vector>

#include "schema/config/node_table.h"

namespace weir::config {

// Its own keys become node.settings. Reports what is wrong with them, what is missing, and keys
// that would have no effect on it.
void read_tail_keys(const TomlValue& table, NodePlace place, Reporter& reporter,
                    graph::NodeSpec& node);
// Reports those of its own keys that stand in the table of another node.
void refuse_tail_keys(const TomlValue& table, Reporter& reporter);

std::vector<std::string> tail_keys();

}  // namespace weir::config
