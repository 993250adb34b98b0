// What weirctl asks of the broker.
#include <algorithm>
#include <array>
#include <utility>

#include "broker/core/broker.h"
#include "broker/core/drains.h"
#include "broker/core/placer.h"
#include "broker/core/removal.h"
#include "broker/core/status.h"
#include "schema/graph/builtin.h"
#include "schema/graph/suggest.h"
#include "schema/graph/topology.h"

namespace weir::broker {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

std::string to_hex(std::string_view bytes) {
  std::string hex;
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    hex += {kHexDigits[byte >> 4], kHexDigits[byte & 15]};
  }
  return hex;
}

std::optional<std::string> from_hex(std::string_view hex) {
  const std::string_view digits = kHexDigits;
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    const size_t high = digits.find(hex[i]);
    const size_t low = digits.find(hex[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    bytes += static_cast<char>(high << 4 | low);
  }
  return bytes;
}

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
           "hold "
           "this one to these addresses; remove the key from the pipeline file to run it all the "
           "same";
  }
  return {};
}

bool names_action(const graph::PipelineSpec& spec, const std::string& action) {
  return std::any_of(spec.nodes.begin(), spec.nodes.end(),
                     [&](const auto& node) { return node.action == action; });
}

}  // namespace

// ---- Changes -------------------------------------------------------------------------------

// A changing request: once for each request id, and its result in the same write.
template <typename Change>
void BrokerCore::change(const std::string& peer, const std::string& request, Change what) {
  const ResultRecord* const known = results_.find(request);
  ResultRecord result{request, std::nullopt, std::nullopt};
  if (known != nullptr) {
    result = *known;
  } else {
    Outcome outcome = what();
    if (outcome) {
      result.action = std::move(outcome->action);
    } else {
      result.refusal = wire::refusal(outcome.error());
    }
    results_.keep(result, effects_.writes);
  }
  if (result.refusal) return send(peer, request, *result.refusal);
  if (result.action) return send(peer, request, wire::ActionStored{*result.action});
  send(peer, request, wire::Ok{});
}

void BrokerCore::on_message(const std::string& peer, const std::string& request,
                            wire::PipelinePut message) {
  change(peer, request, [&] { return put(std::move(message.spec)); });
}

void BrokerCore::on_message(const std::string& peer, const std::string& request,
                            wire::PipelineRun message) {
  change(peer, request, [&] { return run(std::move(message)); });
}

void BrokerCore::on_message(const std::string& peer, const std::string& request,
                            wire::PipelineStop message) {
  change(peer, request, [&] { return stop(message.name, message.end); });
}

void BrokerCore::on_message(const std::string& peer, const std::string& request,
                            const wire::PipelineRemove& message) {
  change(peer, request, [&] { return remove(message.name, message.discard); });
}

void BrokerCore::on_message(const std::string& peer, const std::string& request,
                            const wire::PipelineAbandon& message) {
  change(peer, request, [&] {
    Step step = this->step();
    return Placer(step).abandon(message.name);
  });
}

void BrokerCore::on_message(const std::string& peer, const std::string& request,
                            const wire::AgentRemove& message) {
  change(peer, request, [&] { return remove_agent(message.name); });
}

Outcome BrokerCore::put(graph::PipelineSpec spec) {
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
  store(pipeline);
  add_event("pipeline.stored", name, "", "", "");
  return Done{};
}

Result<std::vector<wire::ActionRef>> BrokerCore::newest_actions(
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

Outcome BrokerCore::run(wire::PipelineRun message) {
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
    add_event("pipeline.run", message.name, "", "", "");
    effects_.contents_changed = true;
  }
  record.run = std::move(message);
  store(*pipeline);
  return Done{};
}

Outcome BrokerCore::stop(const std::string& name, bool end) {
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
    Step step = this->step();
    Drains(step).drain_what_it_left(*pipeline);
  } else {
    if (record.desired != DesiredState::kRun) return Done{};
    record.desired = DesiredState::kStop;
  }
  store(*pipeline);
  add_event(end ? "pipeline.end" : "pipeline.stop", name, "", "", "");
  return Done{};
}

Outcome BrokerCore::remove(const std::string& name, bool discard) {
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
  store(*pipeline);
  add_event("pipeline.rm", name, "", "", discard ? "with all that its logs hold" : "");
  return Done{};
}

// ---- Agents --------------------------------------------------------------------------------

// What of a pipeline is there and not given up, in words; empty: nothing.
std::string BrokerCore::needs_agent(const std::string& name) const {
  const auto kept = state_.kept.find(name);
  if (kept == state_.kept.end()) return {};
  for (const wire::InstanceKey& key : kept->second) {
    const Placement& placed = state_.placements.at(key);
    const auto pipeline = state_.pipelines.find(key.pipeline);
    if (placed.agent != name || pipeline == state_.pipelines.end()) continue;
    const PipelineRecord& record = pipeline->second.record;
    if (record.desired == DesiredState::kRemove || record.completed) continue;
    if (key.drained_term != 0 && placed.finished) continue;
    const std::string which = "node \"" + key.node + "\" of pipeline \"" + key.pipeline + "\"";
    if (key.drained_term == 0) {
      return which + " is there; remove the pipeline first ('weirctl pipeline rm " + key.pipeline +
             "'), or let another agent run it";
    }
    return "what the log of " + which +
           " holds there is waited for; give it up first ('weirctl pipeline abandon " +
           key.pipeline + "')";
  }
  return {};
}

Outcome BrokerCore::remove_agent(const std::string& name) {
  const Agent* agent = state_.agent(name);
  if (agent == nullptr && !state_.identities.contains(name) && !state_.kept.contains(name)) {
    return no_agent(state_, name);
  }
  if (agent != nullptr && agent->connected) {
    return conflict("agent \"" + name + "\" is connected; stop it first");
  }
  if (const std::string why = needs_agent(name); !why.empty()) return conflict(why);
  Step step = this->step();
  Removal(step).forget_agent(name);
  add_event("agent.removed", "", "", name, "");
  return Done{};
}

// ---- Actions -------------------------------------------------------------------------------

void BrokerCore::on_message(const std::string& peer, const std::string& request,
                            const wire::ActionPut& message) {
  change(peer, request, [&] { return put_action(message); });
}

void BrokerCore::on_message(const std::string& peer, const std::string& request,
                            const wire::ActionRemove& message) {
  change(peer, request, [&] { return remove_action(message.name, message.version); });
}

Outcome BrokerCore::put_action(const wire::ActionPut& put) {
  const size_t before = actions_.count(put.name);
  auto action = actions_.put(put, unix_ms_, effects_.writes);
  if (!action) return std::move(action).error();
  if (actions_.count(put.name) != before) {
    add_event("action.stored", "", "", "",
              action->name + ", version " + std::to_string(action->version));
  }
  return Done{std::move(*action)};
}

Outcome BrokerCore::remove_action(const std::string& name, uint32_t version) {
  if (const auto known = actions_.find(name, version); !known) return known.error();
  const bool last = version == 0 || actions_.count(name) == 1;
  for (const ActionRecord& record : actions_.list()) {
    if (record.action.name != name || (version != 0 && record.action.version != version)) continue;
    if (const auto users = users_of(record.action); !users.empty()) {
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
  if (Status done = actions_.remove(name, version, effects_.writes); !done) {
    return std::move(done).error();
  }
  add_event("action.rm", "", "", "",
            name + (version == 0 ? "" : ", version " + std::to_string(version)));
  effects_.contents_changed = true;
  return Done{};
}

// Pipelines that run with this very version, or would if they were run now.
std::vector<std::string> BrokerCore::users_of(const wire::ActionRef& action) const {
  std::vector<std::string> users;
  for (const auto& [name, pipeline] : state_.pipelines) {
    const auto& pinned = pipeline.record.actions;
    if (is_wanted_up(pipeline) && std::find(pinned.begin(), pinned.end(), action) != pinned.end()) {
      users.push_back(name);
    }
  }
  return users;
}

std::set<std::string> BrokerCore::contents_in_use() const {
  std::set<std::string> in_use;
  for (const ActionRecord& record : actions_.list()) in_use.insert(record.action.sha256);
  for (const auto& [name, pipeline] : state_.pipelines) {
    for (const wire::ActionRef& action : pipeline.record.actions) in_use.insert(action.sha256);
  }
  return in_use;
}

void BrokerCore::on_message(const std::string& peer, const std::string& request,
                            const wire::ActionFind& message) {
  auto action = actions_.find(message.name, message.version);
  if (!action) return send(peer, request, wire::refusal(action.error()));
  send(peer, request, wire::ActionStored{std::move(*action)});
}

void BrokerCore::on_message(const std::string& peer, const std::string& request,
                            const wire::ActionList& /*message*/) {
  wire::ActionListIs list;
  for (const ActionRecord& record : actions_.list()) {
    list.versions.push_back({record.action, record.stored_at_ms, users_of(record.action)});
  }
  send(peer, request, std::move(list));
}

// ---- Questions -----------------------------------------------------------------------------

void BrokerCore::on_message(const std::string& peer, const std::string& request,
                            const wire::PipelineGet& message) {
  const Pipeline* const pipeline = state_.pipeline(message.name);
  if (pipeline == nullptr)
    return send(peer, request, wire::refusal(no_pipeline(state_, message.name)));
  send(peer, request, wire::PipelineSpecIs{pipeline->spec()});
}

void BrokerCore::on_message(const std::string& peer, const std::string& request,
                            const wire::PipelineStatusRequest& message) {
  const Pipeline* const pipeline = state_.pipeline(message.name);
  if (pipeline == nullptr)
    return send(peer, request, wire::refusal(no_pipeline(state_, message.name)));
  send(peer, request, make_status(state_, *pipeline));
}

void BrokerCore::on_message(const std::string& peer, const std::string& request,
                            const wire::BrokerStatusRequest& /*message*/) {
  wire::BrokerStatus status;
  for (const auto& [name, agent] : state_.agents) {
    const auto ago = std::chrono::duration_cast<std::chrono::milliseconds>(now_ - agent.heard);
    status.agents.push_back({name, agent.address, agent.connected,
                             static_cast<uint32_t>(agent.instances.size()),
                             static_cast<uint64_t>(std::max<int64_t>(ago.count(), 0))});
  }
  for (const auto& [name, pipeline] : state_.pipelines) {
    status.pipelines.push_back(make_summary(state_, pipeline));
  }
  send(peer, request, std::move(status));
}

void BrokerCore::on_message(const std::string& peer, const std::string& request,
                            const wire::EventsRequest& message) {
  send(peer, request, wire::Events{events_.after(message.after)});
}

// ---- Passed on -----------------------------------------------------------------------------

void BrokerCore::pass_on(const std::string& peer, const std::string& request,
                         const wire::InstanceKey& key, wire::Message message) {
  const auto refuse = [&](ErrorCode code, std::string what) {
    send(peer, request, wire::Refusal{code, std::move(what)});
  };
  const Pipeline* const pipeline = state_.pipeline(key.pipeline);
  if (pipeline == nullptr)
    return send(peer, request, wire::refusal(no_pipeline(state_, key.pipeline)));
  if (!pipeline->graph.has_node(key.node)) {
    return refuse(ErrorCode::kNotFound,
                  "pipeline \"" + key.pipeline + "\" has no node \"" + key.node + "\"");
  }
  const Placement* const placed = state_.placement(key);
  if (placed == nullptr) {
    return refuse(ErrorCode::kUnavailable, key.node + " was not placed on any agent yet");
  }
  const Agent* const agent = state_.agent(placed->agent);
  if (agent == nullptr || !agent->connected) {
    return refuse(ErrorCode::kUnavailable, "agent " + placed->agent + " is not connected");
  }
  std::string forwarded = to_hex(peer) + "/" + request;
  if (forwarded.size() > wire::kRequestIdBytesMax) {
    return refuse(ErrorCode::kLimit, "the request's id is too long to be passed on");
  }
  send(agent->peer, forwarded, std::move(message));
}

void BrokerCore::pass_back(const std::string& request, wire::Message message) {
  const size_t slash = request.find('/');
  if (slash == std::string::npos) return;
  const auto peer = from_hex(std::string_view(request).substr(0, slash));
  if (peer) send(*peer, request.substr(slash + 1), std::move(message));
}

void BrokerCore::on_message(const std::string& /*peer*/, const std::string& request,
                            wire::LogData message) {
  pass_back(request, std::move(message));
}

void BrokerCore::on_message(const std::string& peer, const std::string& request,
                            wire::LogRead message) {
  const wire::InstanceKey key = message.instance;
  pass_on(peer, request, key, std::move(message));
}

void BrokerCore::on_message(const std::string& peer, const std::string& request,
                            wire::DeadRead message) {
  const wire::InstanceKey key = message.instance;
  if (const Placement* placed = state_.placement(key)) message.log_term = placed->log_term;
  pass_on(peer, request, key, std::move(message));
}

void BrokerCore::on_message(const std::string& peer, const std::string& request,
                            wire::DeadChange message) {
  const wire::InstanceKey key = message.instance;
  if (const Placement* placed = state_.placement(key)) message.log_term = placed->log_term;
  pass_on(peer, request, key, std::move(message));
}

void BrokerCore::on_message(const std::string& /*peer*/, const std::string& request,
                            wire::DeadData message) {
  pass_back(request, std::move(message));
}

void BrokerCore::on_message(const std::string& /*peer*/, const std::string& request,
                            wire::DeadChanged message) {
  // Of a node that does not run nobody reports it.
  if (const auto figures = state_.figures.find(message.instance); figures != state_.figures.end()) {
    figures->second.dead_letters = message.left;
  }
  if (Pipeline* const pipeline = state_.pipeline(message.instance.pipeline); pipeline != nullptr) {
    for (wire::InstanceStatus& kept : pipeline->record.figures) {
      if (wire::key_of(kept) != message.instance || kept.dead_letters == message.left) continue;
      kept.dead_letters = message.left;
      store(*pipeline);
    }
  }
  pass_back(request, std::move(message));
}

// An agent's, to what was passed on to it; others answer nothing that was asked.
void BrokerCore::on_message(const std::string& /*peer*/, const std::string& request,
                            wire::Refusal message) {
  pass_back(request, std::move(message));
}

}  // namespace weir::broker
