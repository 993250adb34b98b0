// What the broker says of agents and pipelines, for people.
#pragma once

#include <string>
#include <vector>

#include "schema/wire/control.h"

namespace weir::ctl {

std::string agents_table(const std::vector<wire::AgentSummary>& agents);
std::string pipelines_table(const std::vector<wire::PipelineSummary>& pipelines);
std::string actions_table(const std::vector<wire::ActionVersion>& versions);
// "quakes: degraded: strong: waits for agent alpha", a line.
std::string state_line(const wire::PipelineStatus& status);
// The state, a row for each instance, and what went wrong with which.
std::string pipeline_text(const wire::PipelineStatus& status);
// Agents and pipelines on one screen.
std::string cluster_text(const std::string& endpoint, const wire::BrokerStatus& status);

}  // namespace weir::ctl
