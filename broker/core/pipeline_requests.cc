#include "broker/core/pipeline_requests.h"

#include <algorithm>
#include <utility>

#include "broker/core/drains.h"
#include "schema/graph/builtin.h"

namespace weir::broker {
namespace {

// An uploaded action, and not a built-in one, nor the path of a program on the agents' host as in
// `up`.
bool is_uploaded(const std::string& action) {
  return !action.empty() && !graph::is_builtin(action) && action.find('/') == std::string::npos;
}

// What a node asks for that servers cannot do yet; empty: nothing. `up` runs programs as its caller
// does, and promises no isolation.
std::string not_yet_possible(const graph::PipelineSpec& spec) {
  for (const graph::NodeSpec& node : spec.nodes) {
    if (node.allow.empty()) continue;
    return "node \"" + node.name +
           "\": allow: programs on servers are not kept from the network yet, so nothing would "
           "hold this one to these addresses; remove the key from the pipeline file to run it all "
           "the same";
  }
  return {};
}

}  // namespace

Outcome PipelineRequests::put(graph::PipelineSpec spec) {
  const std::string name = spec.name;
  if (const Pipeline* const known = state_.pipeline(name); known != nullptr) {
    if (known->record.desired == DesiredState::kRemove) {
      return conflict("pipeline \"" + name + "\" is being removed; try again when it is gone");
    }
    if (known->spec() == spec) return Done{};
    if (known->record.desired != DesiredState::kStored) {
      return conflict("pipeline \"" + name +
                      "\" was run as another graph, and its logs belong to that one; give the new "
                      "one another name, or remove the old one with 'weirctl pipeline rm " +
                      name + "'");
    }
  } else if (state_.pipelines.size() >= kPipelinesMax) {
    return Error{ErrorCode::kLimit,
                 "there are " + std::to_string(kPipelinesMax) + " pipelines already"};
  }
  Pipeline& pipeline = state_.pipelines[name];
  if (pipeline.id == 0) pipeline.id = ++state_.last_pipeline_id;
  pipeline.set_spec(std::move(spec));
  pipeline.record.run.name = name;
  step_.store(pipeline);
  step_.add_event("pipeline.stored", name, "", "", "");
  return Done{};
}

Result<std::vector<wire::ActionRef>> PipelineRequests::newest_actions(
    const graph::PipelineSpec& spec) const {
  std::vector<wire::ActionRef> actions;
  for (const graph::NodeSpec& node : spec.nodes) {
    const bool known = std::any_of(actions.begin(), actions.end(),
                                   [&](const auto& action) { return action.name == node.action; });
    if (known || !is_uploaded(node.action)) continue;
    auto action = actions_.find(node.action, 0);
    if (!action) {
      return Error{ErrorCode::kNotFound, "node \"" + node.name + "\": " + action.error().what +
                                             "; upload it with 'weirctl action put " + node.action +
                                             " FILE'"};
    }
    actions.push_back(std::move(*action));
  }
  return actions;
}

Outcome PipelineRequests::run(wire::PipelineRun message) {
  Pipeline* const pipeline = state_.pipeline(message.name);
  if (pipeline == nullptr) return no_pipeline(state_, message.name);
  PipelineRecord& record = pipeline->record;
  if (record.desired == DesiredState::kRemove) {
    return conflict("pipeline \"" + message.name + "\" is being removed");
  }
  if (const std::string what = not_yet_possible(record.spec);
      !what.empty() && !message.sink_reader) {
    return Error{ErrorCode::kInvalid, what};
  }
  if (record.desired != DesiredState::kRun) {
    auto actions = newest_actions(record.spec);
    if (!actions) return std::move(actions).error();
    record.desired = DesiredState::kRun;
    // R8: one that is to end ends, also after a stop: lanes may have ended, which nobody can undo.
    record.was_running = false;
    record.actions = std::move(*actions);
    for (auto& [key, placed] : state_.placements_of(message.name)) placed.gone = false;
    step_.add_event("pipeline.run", message.name, "", "", "");
    step_.effects.contents_changed = true;
  }
  record.run = std::move(message);
  step_.store(*pipeline);
  return Done{};
}

Outcome PipelineRequests::stop(const std::string& name, bool end) {
  Pipeline* const pipeline = state_.pipeline(name);
  if (pipeline == nullptr) return no_pipeline(state_, name);
  PipelineRecord& record = pipeline->record;
  if (end) {
    if (record.desired != DesiredState::kRun) {
      return conflict("pipeline \"" + name +
                      "\" does not run, so there is nothing to end; 'weirctl "
                      "pipeline run " +
                      name + "' first");
    }
    if (record.ending || record.completed) return Done{};
    record.ending = true;
    Drains(step_).drain_what_it_left(*pipeline);
  } else {
    if (record.desired != DesiredState::kRun) return Done{};
    record.desired = DesiredState::kStop;
  }
  step_.store(*pipeline);
  step_.add_event(end ? "pipeline.end" : "pipeline.stop", name, "", "", "");
  return Done{};
}

Outcome PipelineRequests::remove(const std::string& name, bool discard) {
  Pipeline* const pipeline = state_.pipeline(name);
  if (pipeline == nullptr) return no_pipeline(state_, name);
  PipelineRecord& record = pipeline->record;
  if (record.desired == DesiredState::kRemove) return Done{};
  if (is_wanted_up(*pipeline)) {
    return conflict("pipeline \"" + name + "\" runs; stop it first ('weirctl pipeline stop " +
                    name + "')");
  }
  uint64_t dead = 0;
  for (uint32_t instance = 0; instance < pipeline->instances(); ++instance) {
    const auto figures = state_.figures.find(pipeline->key(instance));
    if (figures != state_.figures.end()) dead += figures->second.dead_letters;
  }
  if (!discard && record.desired == DesiredState::kStop && !record.completed) {
    return conflict("pipeline \"" + name +
                    "\" is not completed: its logs may hold records that no sink has had; run it "
                    "to its end ('weirctl pipeline stop --end'), or discard them with --discard");
  }
  if (!discard && dead > 0) {
    return conflict("pipeline \"" + name + "\" has " + std::to_string(dead) +
                    " dead letters; discard them with --discard");
  }
  record.desired = DesiredState::kRemove;
  for (auto& [key, placed] : state_.placements_of(name)) placed.removed_from.clear();
  step_.store(*pipeline);
  step_.add_event("pipeline.rm", name, "", "", discard ? "with all that its logs hold" : "");
  return Done{};
}

}  // namespace weir::broker
