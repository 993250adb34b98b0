#include "ctl/output/live_tree.h"

#include <algorithm>

#include "ctl/output/columns.h"
#include "ctl/output/graph_json.h"
#include "ctl/output/status_json.h"
#include "ctl/output/status_text.h"
#include "ctl/output/units.h"
#include "schema/graph/tree.h"

namespace weir::ctl {
namespace {

const wire::NodeStatus* find_node(const wire::PipelineStatus& status, const std::string& name) {
  const auto found = std::find_if(status.nodes.begin(), status.nodes.end(),
                                  [&](const auto& node) { return node.name == name; });
  return found == status.nodes.end() ? nullptr : &*found;
}

std::vector<uint32_t> instance_counts(const graph::PipelineSpec& spec,
                                      const wire::PipelineStatus& status) {
  std::vector<uint32_t> counts;
  for (const graph::NodeSpec& node : spec.nodes) {
    const wire::NodeStatus* const found = find_node(status, node.name);
    counts.push_back(found == nullptr ? 0 : static_cast<uint32_t>(found->instances.size()));
  }
  return counts;
}

// The state of a node: that of its instances, each once.
std::string states(const wire::NodeStatus& node) {
  std::vector<std::string_view> all;
  for (const wire::InstanceReport& report : node.instances) {
    const std::string_view state = wire::to_string(report.status.state);
    if (std::find(all.begin(), all.end(), state) == all.end()) all.push_back(state);
  }
  std::string text;
  for (const std::string_view state : all) text.append(text.empty() ? "" : ",").append(state);
  return text;
}

std::vector<std::string> row(const graph::TreeLine& line, const wire::NodeStatus* node) {
  if (node == nullptr || line.is_repeat) return {line.text, "", "", "", "", ""};
  uint64_t in = 0;
  uint64_t out = 0;
  uint64_t unsettled = 0;
  std::string agents;
  for (const wire::InstanceReport& report : node->instances) {
    in += report.status.records_in_per_second;
    out += report.status.records_out_per_second;
    unsettled += report.status.unsettled_records;
    agents += (agents.empty() ? "" : ",") + report.agent;
  }
  return {line.text,          states(*node),       agents,
          readable_count(in), readable_count(out), readable_count(unsettled)};
}

}  // namespace

std::string live_tree(const graph::PipelineSpec& spec, const wire::PipelineStatus& status) {
  Columns columns({"NODE", "STATE", "AGENT", ">IN/s", ">OUT/s", ">UNSETTLED"});
  for (const graph::TreeLine& line : graph::tree_lines(spec, instance_counts(spec, status))) {
    columns.add(row(line, find_node(status, spec.nodes[line.node].name)));
  }
  return state_line(status) + "\n" + columns.text();
}

nlohmann::ordered_json live_tree_json(const graph::PipelineSpec& spec,
                                      const wire::PipelineStatus& status) {
  nlohmann::ordered_json json = graph_json(spec);
  for (auto& node : json["nodes"]) {
    const wire::NodeStatus* const found = find_node(status, node["name"]);
    if (found != nullptr) node["instances"] = to_json(found->instances);
  }
  json["state"] = wire::to_string(status.state);
  json["reason"] = status.reason;
  return json;
}

}  // namespace weir::ctl
