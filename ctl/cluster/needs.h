// What a pipeline needs of a cluster and does not find there: hosts and uploaded actions. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "schema/graph/diagnostic.h"
#include "schema/graph/pipeline.h"
#include "schema/wire/control.h"

namespace weir::ctl {

// One name in the `hosts` of a node that is no connected agent; or, without a host, a node for
// which any agent would do and there is none.
struct MissingHost {
  uint32_t node = 0;
  std::optional<size_t> host;  // Index in its `hosts`.
  bool is_known = false;       // It has been there, and is silent now.
  std::string instead;         // The first of its hosts that is connected; empty: the node waits.
  std::string hint;            // "did you mean 'beta'?"

  bool operator==(const MissingHost&) const = default;
};

// In the order of the nodes and of their hosts.
std::vector<MissingHost> missing_hosts(const graph::PipelineSpec& spec,
                                       const std::vector<wire::AgentSummary>& agents);

// "node 'src' waits for host 'beta', which is not connected".
std::string describe(const graph::PipelineSpec& spec, const MissingHost& missing);

// Nodes that name an action which is neither in the file nor uploaded.
struct MissingAction {
  uint32_t node = 0;
  std::string hint;

  bool operator==(const MissingAction&) const = default;
};

std::vector<MissingAction> missing_actions(const graph::PipelineSpec& spec,
                                           const std::vector<wire::ActionVersion>& versions);

// "node 'src': no action is named 'num_gen', neither in the file nor at the broker".
std::string describe(const graph::PipelineSpec& spec, const MissingAction& missing);

// The same as mistakes in the pipeline's text, with their places in it: hosts that a node waits for
// or that the broker does not know, and actions. `source` is the file that `spec` was read from.
graph::Diagnostics check_against_cluster(const graph::Source& source,
                                         const graph::PipelineSpec& spec,
                                         const std::vector<wire::AgentSummary>& agents,
                                         const std::vector<wire::ActionVersion>& versions);

}  // namespace weir::ctl
