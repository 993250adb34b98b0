#include "ctl/output/instances.h"

#include "schema/graph/topology.h"

namespace weir::ctl {

std::string instance_label(const std::string& node, uint32_t instance, size_t instances) {
  return instances > 1 ? node + "." + std::to_string(instance) : node;
}

std::vector<SpecInstance> instances_of(const graph::PipelineSpec& spec, uint32_t node) {
  const graph::NodeSpec& of = spec.nodes[node];
  const uint32_t count = graph::instance_count(of);
  std::vector<SpecInstance> instances;
  for (uint32_t i = 0; i < count; ++i) {
    instances.push_back({node, i, instance_label(of.name, i, count)});
  }
  return instances;
}

std::vector<SpecInstance> instances_of(const graph::PipelineSpec& spec) {
  std::vector<SpecInstance> all;
  for (uint32_t node = 0; node < spec.nodes.size(); ++node) {
    for (SpecInstance& instance : instances_of(spec, node)) all.push_back(std::move(instance));
  }
  return all;
}

std::string instance_label(const graph::PipelineSpec& spec, const std::string& node,
                           uint32_t instance) {
  const auto index = graph::find_node(spec, node);
  return instance_label(node, instance, index ? graph::instance_count(spec.nodes[*index]) : 1);
}

std::vector<KnownInstance> instances_of(const wire::PipelineStatus& status) {
  std::vector<KnownInstance> all;
  for (const wire::NodeStatus& node : status.nodes) {
    for (const wire::InstanceReport& report : node.instances) {
      all.push_back({&node, &report,
                     instance_label(node.name, report.status.instance, node.instances.size())});
    }
  }
  return all;
}

}  // namespace weir::ctl
