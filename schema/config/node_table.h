// The keys of one [node.X] table: names, types and ranges, all in one place.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "schema/config/reporter.h"
#include "schema/config/toml_document.h"
#include "schema/graph/pipeline.h"

namespace weir::config {

inline constexpr int64_t kRetriesMax = 1000;
inline constexpr std::chrono::milliseconds kBackoffMin{1};
inline constexpr std::chrono::milliseconds kBackoffMax = std::chrono::hours(24);
inline constexpr int64_t kMaxDeadMax = 1'000'000;
inline constexpr int64_t kInFlightMax = 65'536;
inline constexpr int64_t kMaxRecordsMax = 10'000'000;
inline constexpr uint64_t kMaxBytesMax = 1ull << 30;
inline constexpr uint64_t kMaxOutputMax = 1ull << 40;
inline constexpr std::chrono::milliseconds kStallTimeoutMax = std::chrono::hours(24);
inline constexpr size_t kListMax = 1000;  // Elements of args, hosts, env, allow.

// Where the node stands in the graph. Unknown if the graph itself could not be read: then the rules
// that depend on it are left out.
struct NodePlace {
  bool is_known = false;
  bool is_source = false;
  bool is_sink = false;
};

// The node that the table describes, defaults filled in. Reports all that is wrong with it.
graph::NodeSpec read_node(const TomlValue& table, NodePlace place, Reporter& reporter);

// All keys of a node, in the order of the manual.
std::vector<std::string> node_keys();

// Keys that the design names and that this version refuses.
std::vector<std::string> unsupported_node_keys();

}  // namespace weir::config
