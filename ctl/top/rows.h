// What `weirctl top` shows: a row for each node instance. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "schema/graph/pipeline.h"
#include "schema/wire/control.h"

namespace weir::ctl {

struct TopRow {
  std::string pipeline;
  std::string name;  // "even", or "even.1" if the node has several instances.
  std::string node;
  wire::InstanceReport report;
  // What its writers hold because not all of it is settled: what waits for this node, is in it, or
  // is somewhere behind it.
  uint64_t lag_records = 0;
};

// In the order of the graph.
std::vector<TopRow> top_rows(const graph::PipelineSpec& spec, const wire::PipelineStatus& status);

std::string top_table(const std::vector<TopRow>& rows);
nlohmann::ordered_json to_json(const TopRow& row);

}  // namespace weir::ctl
