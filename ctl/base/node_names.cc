#include "ctl/base/node_names.h"

#include <algorithm>

#include "schema/graph/diagnostic.h"
#include "schema/graph/suggest.h"

namespace weir::ctl {
namespace {

Error no_such_node(const graph::PipelineSpec& spec, const std::string& name) {
  std::vector<std::string> known;
  std::string list;
  for (const graph::NodeSpec& node : spec.nodes) {
    known.push_back(node.name);
    list += (list.empty() ? "" : ", ") + node.name;
  }
  std::string hint = graph::did_you_mean(name, known);
  if (hint.empty()) hint = "its nodes are " + list;
  return Error{ErrorCode::kNotFound, "pipeline '" + spec.name + "' has no node '" +
                                         graph::printable(name) + "'\nhint: " + hint};
}

}  // namespace

Result<std::vector<std::string>> nodes_named(const graph::PipelineSpec& spec,
                                             const std::vector<std::string>& names) {
  std::vector<std::string> nodes;
  for (const graph::NodeSpec& node : spec.nodes) nodes.push_back(node.name);
  if (names.empty()) return nodes;
  for (const std::string& name : names) {
    if (std::find(nodes.begin(), nodes.end(), name) == nodes.end()) return no_such_node(spec, name);
  }
  std::erase_if(nodes, [&](const std::string& node) {
    return std::find(names.begin(), names.end(), node) == names.end();
  });
  return nodes;
}

}  // namespace weir::ctl
