// What the broker says of agents and pipelines, for programs. The names are those of design 8, and
// stay; more may come.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "schema/wire/control.h"

namespace weir::ctl {

nlohmann::ordered_json to_json(const wire::AgentSummary& agent);
nlohmann::ordered_json to_json(const wire::PipelineSummary& pipeline);
nlohmann::ordered_json to_json(const wire::InstanceReport& report);
nlohmann::ordered_json to_json(const wire::PipelineStatus& status);
nlohmann::ordered_json to_json(const wire::ActionRef& action);
nlohmann::ordered_json to_json(const wire::ActionVersion& version);
nlohmann::ordered_json to_json(const wire::Event& event);

template <typename T>
nlohmann::ordered_json to_json(const std::vector<T>& values) {
  auto list = nlohmann::ordered_json::array();
  for (const T& value : values) list.push_back(to_json(value));
  return list;
}

}  // namespace weir::ctl
