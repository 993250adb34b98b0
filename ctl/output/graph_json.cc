#include "ctl/output/graph_json.h"

#include "schema/graph/topology.h"

namespace weir::ctl {
namespace {

std::vector<std::string> names(const graph::PipelineSpec& spec,
                               const std::vector<uint32_t>& nodes) {
  std::vector<std::string> result;
  result.reserve(nodes.size());
  for (const uint32_t node : nodes) result.push_back(spec.nodes[node].name);
  return result;
}

}  // namespace

nlohmann::ordered_json graph_json(const graph::PipelineSpec& spec) {
  auto nodes = nlohmann::ordered_json::array();
  for (uint32_t i = 0; i < spec.nodes.size(); ++i) {
    nodes.push_back({{"name", spec.nodes[i].name},
                     {"inputs", names(spec, graph::inputs_of(spec, i))},
                     {"outputs", names(spec, graph::outputs_of(spec, i))}});
  }
  return {{"name", spec.name}, {"dataflow", spec.dataflow}, {"nodes", std::move(nodes)}};
}

}  // namespace weir::ctl
