#include "broker/core/action_requests.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace weir::broker {
namespace {

bool names_action(const graph::PipelineSpec& spec, const std::string& action) {
  return std::any_of(spec.nodes.begin(), spec.nodes.end(),
                     [&](const auto& node) { return node.action == action; });
}

// Pipelines that run with this very version, or would if they were run now.
std::vector<std::string> users_of(const State& state, const wire::ActionRef& action) {
  std::vector<std::string> users;
  for (const auto& [name, pipeline] : state.pipelines) {
    const auto& pinned = pipeline.record.actions;
    if (is_wanted_up(pipeline) && std::find(pinned.begin(), pinned.end(), action) != pinned.end()) {
      users.push_back(name);
    }
  }
  return users;
}

}  // namespace

Outcome ActionRequests::put(const wire::ActionPut& put) {
  const size_t before = actions_.count(put.name);
  auto action = actions_.put(put, step_.unix_ms, step_.effects.writes);
  if (!action) return std::move(action).error();
  if (actions_.count(put.name) != before) {
    step_.add_event("action.stored", "", "", "",
                    action->name + ", version " + std::to_string(action->version));
  }
  return Done{std::move(*action)};
}

Outcome ActionRequests::remove(const std::string& name, uint32_t version) {
  if (const auto known = actions_.find(name, version); !known) return known.error();
  const bool last = version == 0 || actions_.count(name) == 1;
  for (const ActionRecord& record : actions_.list()) {
    if (record.action.name != name || (version != 0 && record.action.version != version)) continue;
    if (const auto users = users_of(state_, record.action); !users.empty()) {
      return conflict("action \"" + name + "\", version " + std::to_string(record.action.version) +
                      ", is in use by pipeline \"" + users.front() + "\"");
    }
  }
  for (const auto& [other, pipeline] : state_.pipelines) {
    const bool stays = pipeline.record.desired != DesiredState::kRemove;
    if (last && stays && names_action(pipeline.spec(), name)) {
      std::string what = "action \"" + name;
      what += "\" is named by pipeline \"" + other;
      what += "\", and this is all there is of it; remove that pipeline first";
      return conflict(std::move(what));
    }
  }
  if (Status done = actions_.remove(name, version, step_.effects.writes); !done) {
    return std::move(done).error();
  }
  step_.add_event("action.rm", "", "", "",
                  name + (version == 0 ? "" : ", version " + std::to_string(version)));
  step_.effects.contents_changed = true;
  return Done{};
}

wire::ActionListIs ActionRequests::list() const {
  wire::ActionListIs list;
  for (const ActionRecord& record : actions_.list()) {
    list.versions.push_back({record.action, record.stored_at_ms, users_of(state_, record.action)});
  }
  return list;
}

std::set<std::string> contents_in_use(const State& state, const ActionRegistry& actions) {
  std::set<std::string> in_use;
  for (const ActionRecord& record : actions.list()) in_use.insert(record.action.sha256);
  for (const auto& [name, pipeline] : state.pipelines) {
    for (const wire::ActionRef& action : pipeline.record.actions) in_use.insert(action.sha256);
  }
  return in_use;
}

}  // namespace weir::broker
