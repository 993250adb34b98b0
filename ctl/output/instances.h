// The instances of a pipeline's nodes, as commands walk them: whatever prints or asks about a node
// does so for each of its instances. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "schema/graph/pipeline.h"
#include "schema/wire/control.h"

namespace weir::ctl {

// "even", or "even.1" if the node has several.
std::string instance_label(const std::string& node, uint32_t instance, size_t instances);

// An instance that a spec asks for, whether it is placed or not.
struct SpecInstance {
  uint32_t node = 0;  // Index in the spec.
  uint32_t instance = 0;
  std::string label;
};

// In the order of the graph, and of their numbers.
std::vector<SpecInstance> instances_of(const graph::PipelineSpec& spec);
// Of one node.
std::vector<SpecInstance> instances_of(const graph::PipelineSpec& spec, uint32_t node);
// As they call this one; a node that is not there has one.
std::string instance_label(const graph::PipelineSpec& spec, const std::string& node,
                           uint32_t instance);

// An instance that the broker knows. Points into the status that it was taken from.
struct KnownInstance {
  const wire::NodeStatus* node = nullptr;
  const wire::InstanceReport* report = nullptr;
  std::string label;

  wire::InstanceKey key(const std::string& pipeline) const {
    return {pipeline, node->name, report->status.instance};
  }
};

// In the order of the graph, and of their numbers.
std::vector<KnownInstance> instances_of(const wire::PipelineStatus& status);

}  // namespace weir::ctl
