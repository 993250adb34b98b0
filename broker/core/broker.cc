#include "broker/core/broker.h"

#include <algorithm>
#include <utility>

#include "broker/core/drains.h"
#include "broker/core/orders.h"
#include "broker/core/placer.h"
#include "broker/core/removal.h"
#include "broker/core/status.h"
#include "broker/core/terms.h"
#include "schema/base/log.h"
#include "schema/wire/unknown.h"

namespace weir::broker {
namespace {

using wire::PipelineState;

std::string_view event_of(PipelineState state) {
  switch (state) {
    case PipelineState::kRunning:
      return "pipeline.running";
    case PipelineState::kDegraded:
      return "pipeline.degraded";
    case PipelineState::kStopped:
      return "pipeline.stopped";
    case PipelineState::kCompleted:
      return "pipeline.completed";
    case PipelineState::kFailed:
      return "pipeline.failed";
    case PipelineState::kStored:
    case PipelineState::kStarting:
    case PipelineState::kStopping:
      return {};  // Somebody asked for it, and that was an event.
  }
  return {};
}

// Whether the difference between two reports of an instance can change a decision; figures do not.
bool same_for_decisions(const wire::InstanceStatus& a, const wire::InstanceStatus& b) {
  return a.term == b.term && a.log_term == b.log_term && a.state == b.state &&
         a.ended_and_settled == b.ended_and_settled && a.endpoint == b.endpoint &&
         a.remote_endpoint == b.remote_endpoint && a.writers == b.writers &&
         a.fenced_by == b.fenced_by;
}

}  // namespace

// ---- Recovery ------------------------------------------------------------------------------

Result<BrokerCore> BrokerCore::recover(const std::vector<StoreRecord>& records,
                                       std::vector<StoreWrite>& writes) {
  BrokerCore core;
  for (const StoreRecord& record : records) {
    if (auto taken = core.take_record(record); !taken) return Error(taken.error());
  }
  core.results_.sort();
  core.events_.sort();
  for (const auto& [name, identity] : core.state_.identities) {
    if (!identity.away) core.state_.awaited.insert(name);
  }
  ++core.boot_;
  writes.push_back({{RecordKind::kMeta, kMetaFormat}, encode_number(kStoreFormat)});
  writes.push_back({{RecordKind::kMeta, kMetaBoot}, encode_number(core.boot_)});
  return core;
}

Status BrokerCore::take_record(const StoreRecord& record) {
  const uint64_t id = record.key.id;
  switch (record.key.kind) {
    case RecordKind::kMeta: {
      auto number = decode_number(record.value);
      if (!number) return number.error();
      if (id == kMetaBoot) boot_ = *number;
      if (id == kMetaTermFloor) state_.term_floor = *number;
      if (id == kMetaFormat && *number != kStoreFormat) {
        return Error{ErrorCode::kInvalid, "store: format " + std::to_string(*number) +
                                              ", this broker knows only " +
                                              std::to_string(kStoreFormat)};
      }
      return {};
    }
    case RecordKind::kPipeline: {
      auto pipeline = decode_pipeline(record.value);
      if (!pipeline) return pipeline.error();
      state_.last_pipeline_id = std::max(state_.last_pipeline_id, id);
      const std::string name = pipeline->spec.name;
      for (const wire::InstanceStatus& status : pipeline->figures) {
        state_.figures[wire::key_of(status)] = status;
      }
      Pipeline& known = state_.pipelines[name];
      known.id = id;
      known.record = std::move(*pipeline);
      known.graph = InstanceGraph(known.spec());
      return {};
    }
    case RecordKind::kPlacement: {
      auto placed = decode_placement(record.value);
      if (!placed) return placed.error();
      state_.last_placement_id = std::max(state_.last_placement_id, id);
      Placement& known = state_.placements[placed->key];
      static_cast<PlacementRecord&>(known) = std::move(*placed);
      known.id = id;
      state_.index(known);
      return {};
    }
    case RecordKind::kResult: {
      auto result = decode_result(record.value);
      if (!result) return result.error();
      results_.recover(id, std::move(*result));
      return {};
    }
    case RecordKind::kAction: {
      auto action = decode_action(record.value);
      if (!action) return action.error();
      actions_.recover(id, std::move(*action));
      return {};
    }
    case RecordKind::kAgent: {
      auto agent = decode_agent(record.value);
      if (!agent) return agent.error();
      state_.last_agent_id = std::max(state_.last_agent_id, id);
      state_.identities[agent->name] = Identity{id, agent->identity, agent->away};
      return {};
    }
    case RecordKind::kEvent: {
      auto event = decode_event(record.value);
      if (!event) return event.error();
      events_.recover(std::move(*event));
      return {};
    }
  }
  return {};
}

// ---- The door ------------------------------------------------------------------------------

void BrokerCore::take(const std::string& peer, wire::Envelope envelope, SteadyTime now,
                      uint64_t unix_ms) {
  now_ = now;
  unix_ms_ = unix_ms;
  if (!started_) started_ = now;
  std::visit([&](auto& message) { on_message(peer, envelope.request, std::move(message)); },
             envelope.message);
}

Step BrokerCore::step() {
  return {state_, changes_, events_, effects_, started_.value_or(now_), now_, unix_ms_};
}

Effects BrokerCore::decide() {
  reconcile();
  return std::exchange(effects_, {});
}

Effects BrokerCore::receive(const std::string& peer, wire::Envelope envelope, SteadyTime now,
                            uint64_t unix_ms) {
  take(peer, std::move(envelope), now, unix_ms);
  return decide();
}

Effects BrokerCore::decide_all() {
  changes_.all = true;
  return decide();
}

Effects BrokerCore::tick(SteadyTime now, uint64_t unix_ms) {
  now_ = now;
  unix_ms_ = unix_ms;
  if (!started_) started_ = now;
  // Who did not look for a while must not take its own absence for that of others.
  if (ticked_ && now - *ticked_ > kTickGapMax) {
    const auto gap = now - *ticked_;
    for (auto& [name, agent] : state_.agents) agent.heard = std::min(agent.heard + gap, now);
    *started_ += gap;
  }
  ticked_ = now;
  for (auto& [name, agent] : state_.agents) {
    const bool connected = now - agent.heard < kAgentSilence;
    if (agent.connected && !connected) {
      log::warn("agent " + name + " is silent");
      add_event("agent.silent", "", "", name, "nothing was heard of it for 3 s");
    }
    if (agent.connected != connected) note_connection(name);
    agent.connected = connected;
  }
  const std::set<std::string> lost_before = state_.lost;
  effects_.probes = failure_detector_.tick(state_, *started_, now);
  for (const std::string& name : lost_before) {
    if (!state_.lost.contains(name)) note_connection(name);
  }
  for (const std::string& name : state_.lost) {
    if (lost_before.contains(name)) continue;
    note_connection(name);
    log::warn("agent " + name + " is lost");
    add_event("agent.lost", "", "", name, "it is silent, and none of its wrappers is heard");
  }
  std::erase_if(registering_,
                [&](const auto& entry) { return now - entry.second.heard >= kSilenceAtStart; });
  if (now - *started_ >= kSilenceAtStart && !std::exchange(state_.awaited, {}).empty()) {
    changes_.pipelines.insert(changes_.waiting.begin(), changes_.waiting.end());
  }
  note_away();
  changes_.pipelines.merge(changes_.at_tick);
  changes_.at_tick.clear();
  store_positions();
  changes_.agents.merge(changes_.agents_at_tick);
  changes_.agents_at_tick.clear();
  if (!all_decided_ || now - *all_decided_ >= kAllDecided) {
    all_decided_ = now;
    changes_.all = true;
  }
  return decide();
}

void BrokerCore::probed(const std::string& agent, bool answered, SteadyTime now) {
  failure_detector_.probed(agent, answered, now);
}

// ---- Agents --------------------------------------------------------------------------------

void BrokerCore::on_message(const std::string& peer, const std::string& request,
                            wire::AgentRegister message) {
  std::erase_if(registering_, [&](const auto& entry) {
    return entry.first == peer || entry.second.so_far.name == message.name;
  });
  if (!state_.identities.contains(message.name) && !state_.agents.contains(message.name) &&
      !make_room_for_agent()) {
    send(peer, request,
         wire::Refusal{ErrorCode::kLimit, "there are " + std::to_string(kAgentsMax) +
                                              " agents; remove those that are gone for good with "
                                              "'weirctl agent rm NAME'"});
    return;
  }
  if (message.more) {
    if (registering_.size() >= kAgentsMax) return;  // It asks again.
    registering_[peer] = Registering{request, std::move(message), now_};
    return send(peer, request, wire::Ok{});
  }
  if (!take_identity(message)) {
    const std::string what = "another agent with the name \"" + message.name +
                             "\" is at work; give this one a name of its own (--name)";
    send(peer, request, wire::Refusal{ErrorCode::kConflict, what});
    return;
  }
  log::info("agent " + message.name + " registered");
  add_event("agent.connected", "", "", message.name,
            message.address.empty() ? "" : "at " + message.address);
  Agent& agent = state_.agents[message.name];
  agent.name = message.name;
  state_.awaited.erase(agent.name);
  on_heard(agent);
  agent.address = std::move(message.address);
  agent.peer = peer;
  take_all(agent, std::move(message.instances));
  note_connection(agent.name);
  // So it is answered with orders, even if they are empty.
  agent.feed.begin_anew();
}

bool BrokerCore::take_part(const std::string& peer, const std::string& request,
                           wire::AgentReport& message) {
  const auto found = registering_.find(peer);
  if (found == registering_.end()) return false;
  Registering& registering = found->second;
  registering.heard = now_;
  wire::AgentRegister& so_far = registering.so_far;
  if (so_far.instances.size() + message.instances.size() > wire::kInstancesPerAgentMax) {
    registering_.erase(found);
    send(peer, request, wire::Refusal{ErrorCode::kLimit, "too many instances on one agent"});
    return true;
  }
  for (wire::InstanceStatus& status : message.instances) {
    so_far.instances.push_back(std::move(status));
  }
  if (message.more) {
    send(peer, request, wire::Ok{});
    return true;
  }
  Registering complete = std::move(registering);
  registering_.erase(found);
  complete.so_far.more = false;
  send(peer, request, wire::Ok{});
  on_message(peer, complete.request, std::move(complete.so_far));
  return true;
}

// Two agents of one name would run the same nodes with the same terms, and nothing could tell their
// records apart. So the later one waits until the other is silent; what that still runs is fenced
// out by higher terms then.
bool BrokerCore::take_identity(const wire::AgentRegister& message) {
  Identity& known = state_.identities[message.name];
  if (known.id != 0 && known.text == message.identity) {
    if (std::exchange(known.away, false)) store_agent(message.name);
    return true;
  }
  if (known.id != 0) {
    const Agent* agent = state_.agent(message.name);
    // Who was there before this broker started has as long to be heard again.
    const SteadyTime heard = agent == nullptr ? *started_ : agent->heard;
    if (now_ - heard < kAgentSilence) return false;
    log::warn("agent " + message.name + ": another one has this name now");
    add_event(
        "agent.replaced", "", "", message.name,
        "another agent has this name now; what only the logs of the first one hold is given up");
    Step step = this->step();
    Placer(step).begin_anew_on(message.name);
  }
  // None is known of agents that are older than identities.
  if (message.identity.empty() && known.id == 0) {
    state_.identities.erase(message.name);
    return true;
  }
  if (known.id == 0) known.id = ++state_.last_agent_id;
  known.text = message.identity;
  known.away = false;
  store_agent(message.name);
  return true;
}

void BrokerCore::store_agent(const std::string& name) {
  const Identity& known = state_.identities.at(name);
  effects_.writes.push_back(
      {{RecordKind::kAgent, known.id}, encode_record(AgentRecord{name, known.text, known.away})});
}

// Whom the next broker is not to wait for.
void BrokerCore::note_away() {
  for (auto& [name, identity] : state_.identities) {
    if (identity.away || identity.id == 0) continue;
    const Agent* agent = state_.agent(name);
    const SteadyTime heard = agent == nullptr ? *started_ : agent->heard;
    if (now_ - heard < kAwayAfter) continue;
    identity.away = true;
    store_agent(name);
  }
}

// Of those that nobody needs and that are silent, the one that is so for longest goes.
bool BrokerCore::make_room_for_agent() {
  std::set<std::string> names;
  for (const auto& [name, identity] : state_.identities) names.insert(name);
  for (const auto& [name, agent] : state_.agents) names.insert(name);
  if (names.size() < kAgentsMax) return true;
  std::optional<std::string> oldest;
  for (const std::string& name : names) {
    const Agent* agent = state_.agent(name);
    if (state_.kept.contains(name)) continue;
    if (agent != nullptr && (agent->connected || !agent->instances.empty())) continue;
    const Agent* other = oldest ? state_.agent(*oldest) : nullptr;
    const bool older = agent == nullptr || (other != nullptr && agent->heard < other->heard);
    if (!oldest || older) oldest = name;
  }
  if (!oldest) return false;
  log::info("agent " + *oldest + ": forgotten, to make room for another one");
  Step step = this->step();
  Removal(step).forget_agent(*oldest);
  return true;
}

void BrokerCore::on_message(const std::string& peer, const std::string& request,
                            wire::AgentReport message) {
  if (take_part(peer, request, message)) return;
  const auto found = state_.agents.find(message.name);
  if (found == state_.agents.end() || found->second.peer != peer) {
    send(peer, request, wire::Refusal{ErrorCode::kNotFound, "register first"});
    return;
  }
  Agent& agent = found->second;
  if (!agent.connected) add_event("agent.connected", "", "", agent.name, "it is heard again");
  on_heard(agent);
  if (!message.removing.empty() || !agent.removing.empty()) changes_.agents.insert(agent.name);
  agent.removing = {message.removing.begin(), message.removing.end()};
  if (message.changes_only) {
    take_changes(agent, std::move(message.instances), message.gone);
  } else {
    take_all(agent, std::move(message.instances));
  }
  // What it has obeyed says what it does not have, once all is said that it has.
  if (!message.more && agent.feed.on_report(message.orders_version, now_)) {
    changes_.agents.insert(agent.name);
  }
  send(peer, request, wire::Ok{});
}

void BrokerCore::on_heard(Agent& agent) {
  const bool was_lost = state_.lost.erase(agent.name) > 0;
  if (was_lost || !agent.connected) note_connection(agent.name);
  agent.heard = now_;
  agent.connected = true;
  const std::set<std::string> lost_before = state_.lost;
  failure_detector_.heard(state_, now_);
  if (state_.lost == lost_before) return;
  for (const std::string& name : lost_before) note_connection(name);
}

void BrokerCore::note_instance(const Agent& agent, const wire::InstanceKey& key) {
  changes_.agents.insert(agent.name);
  changes_.pipelines.insert(key.pipeline);
}

void BrokerCore::take_all(Agent& agent, std::vector<wire::InstanceStatus> instances) {
  std::map<wire::InstanceKey, wire::InstanceStatus> before;
  before.swap(agent.instances);
  wire::NotesTaken taken;
  for (wire::InstanceStatus& status : instances) {
    wire::InstanceKey key = wire::key_of(status);
    const auto known = before.extract(key);
    take_status(agent, known.empty() ? nullptr : &known.mapped(), status, taken);
    agent.instances.insert_or_assign(std::move(key), std::move(status));
  }
  for (const auto& [key, status] : before) {
    note_instance(agent, key);
    agent.notes.erase(key);
  }
  if (!taken.instances.empty()) send(agent.peer, "", std::move(taken));
}

void BrokerCore::take_changes(Agent& agent, std::vector<wire::InstanceStatus> instances,
                              const std::vector<wire::InstanceKey>& gone) {
  wire::NotesTaken taken;
  for (wire::InstanceStatus& status : instances) {
    const wire::InstanceKey key = wire::key_of(status);
    const auto known = agent.instances.find(key);
    take_status(agent, known == agent.instances.end() ? nullptr : &known->second, status, taken);
    agent.instances.insert_or_assign(key, std::move(status));
  }
  for (const wire::InstanceKey& key : gone) {
    if (agent.instances.erase(key) > 0) note_instance(agent, key);
    agent.notes.erase(key);
  }
  if (!taken.instances.empty()) send(agent.peer, "", std::move(taken));
}

void BrokerCore::take_status(Agent& agent, const wire::InstanceStatus* before,
                             const wire::InstanceStatus& status, wire::NotesTaken& taken) {
  const wire::InstanceKey key = wire::key_of(status);
  const std::vector<wire::Note> fresh = take_notes(agent, key, status, taken);
  if (before != nullptr) add_events_of(agent, *before, status);
  if (before == nullptr || !same_for_decisions(*before, status)) note_instance(agent, key);
  const Placement* placed = state_.placement(key);
  if (placed == nullptr || placed->agent != agent.name) return;
  add_event_of_dead_letters(agent, key, status);
  keep_figures(key, status, fresh);
  keep_position(key, status);
}

std::vector<wire::Note> BrokerCore::take_notes(Agent& agent, const wire::InstanceKey& key,
                                               const wire::InstanceStatus& status,
                                               wire::NotesTaken& taken) {
  if (status.notes.empty()) return {};
  TakenNotes& known = agent.notes[key];
  if (known.term != status.term || known.boot != status.boot) {
    known = {status.term, status.boot, 0};
  }
  std::vector<wire::Note> fresh;
  for (const wire::Note& note : status.notes) {
    if (note.number <= known.number) continue;
    known.number = note.number;
    add_event("node.note", status.pipeline, status.node, agent.name, wire::to_string(note));
    fresh.push_back(note);
  }
  taken.instances.push_back({key, status.boot, known.number});
  return fresh;
}

void BrokerCore::keep_figures(const wire::InstanceKey& key, const wire::InstanceStatus& status,
                              const std::vector<wire::Note>& fresh) {
  wire::InstanceStatus& kept = state_.figures[key];
  // What a process said is not unsaid by its end.
  std::vector<wire::Note> notes = std::move(kept.notes);
  const bool same_process = kept.term == status.term && kept.boot == status.boot;
  for (wire::Note note : fresh) {
    const auto said = std::find_if(notes.begin(), notes.end(), [&](const wire::Note& known) {
      return known.text == note.text;
    });
    if (said != notes.end()) {
      if (!same_process) note.times += said->times;
      notes.erase(said);
    }
    if (notes.size() >= kNotesKept) notes.erase(notes.begin());
    notes.push_back(std::move(note));
  }
  // So is what a log says of its own end.
  const bool over = kept.ended_and_settled && kept.log_term == status.log_term;
  kept = status;
  kept.ended_and_settled = kept.ended_and_settled || over;
  kept.notes = std::move(notes);
}

// Of this very term: what a wrapper of a pipeline that was removed had settled says nothing of
// another one of its name.
void BrokerCore::keep_position(const wire::InstanceKey& key, const wire::InstanceStatus& status) {
  if (status.settled_position.none()) return;
  Placement& placed = state_.placements.at(key);
  if (status.term != placed.term || status.settled_record < placed.settled_record) return;
  if (status.settled_position == placed.settled_position &&
      status.settled_record == placed.settled_record) {
    return;
  }
  placed.settled_position = status.settled_position;
  placed.settled_record = status.settled_record;
  changes_.positions.insert(key);
}

// Not with each report, and nothing waits for it: to know of less is harmless.
void BrokerCore::store_positions() {
  if (changes_.positions.empty()) return;
  if (positions_stored_ && now_ - *positions_stored_ < kPositionsStored) return;
  positions_stored_ = now_;
  for (const wire::InstanceKey& key : std::exchange(changes_.positions, {})) {
    const auto found = state_.placements.find(key);
    if (found == state_.placements.end()) continue;
    const Placement& placed = found->second;
    effects_.writes.push_back({{RecordKind::kPlacement, placed.id}, encode_record(placed)});
  }
}

void BrokerCore::add_events_of(const Agent& agent, const wire::InstanceStatus& before,
                               const wire::InstanceStatus& after) {
  const auto add = [&](std::string kind, std::string text) {
    add_event(std::move(kind), after.pipeline, after.node, agent.name, std::move(text));
  };
  if (after.restarts > before.restarts) {
    const std::string& why = after.last_error.empty() ? before.last_error : after.last_error;
    add("node.restarted", why);
  }
  const bool failed = after.state == wire::InstanceState::kFailed;
  if (failed && before.state != wire::InstanceState::kFailed) {
    add("node.failed", after.last_error);
  }
}

// By their number, which is in the log: whoever did not hear of one hears of it from the next.
void BrokerCore::add_event_of_dead_letters(const Agent& agent, const wire::InstanceKey& key,
                                           const wire::InstanceStatus& status) {
  const auto kept = state_.figures.find(key);
  const uint64_t known = kept == state_.figures.end() ? 0 : kept->second.dead_letters;
  if (status.dead_letters <= known) return;
  const uint64_t more = status.dead_letters - known;
  add_event("node.dead_letters", status.pipeline, status.node, agent.name,
            std::to_string(more) + (more == 1 ? " dead letter more, " : " dead letters more, ") +
                std::to_string(status.dead_letters) + " in all");
}

void BrokerCore::add_event(std::string kind, const std::string& pipeline, const std::string& node,
                           const std::string& agent, std::string text) {
  step().add_event(std::move(kind), pipeline, node, agent, std::move(text));
}

template <typename T>
void BrokerCore::on_message(const std::string& peer, const std::string& request, const T& message) {
  if constexpr (std::is_same_v<T, wire::Ok>) {
    return;  // An answer to an answer would go on for ever.
  } else if constexpr (std::is_same_v<T, wire::Unknown>) {
    send(peer, request, wire::Refusal{ErrorCode::kInvalid, "broker: " + wire::to_string(message)});
  } else {
    send(peer, request,
         wire::Refusal{ErrorCode::kInvalid,
                       std::string(wire::type_name(message)) + " is not for a broker"});
  }
}

// ---- Reconciliation ------------------------------------------------------------------------

void BrokerCore::note_connection(const std::string& name) { step().note_connection(name); }

std::vector<Pipeline*> BrokerCore::changed_pipelines() {
  std::vector<Pipeline*> changed;
  for (const std::string& name : changes_.pipelines) {
    if (Pipeline* pipeline = state_.pipeline(name); pipeline != nullptr)
      changed.push_back(pipeline);
  }
  return changed;
}

void BrokerCore::reconcile() {
  if (changes_.all) {
    for (const auto& [name, agent] : state_.agents) changes_.agents.insert(name);
    for (const auto& [name, pipeline] : state_.pipelines) changes_.pipelines.insert(name);
  }
  if (changes_.agents.empty() && changes_.pipelines.empty()) return;
  Step step = this->step();
  Placer placer(step);
  const std::set<std::string> agents = changes_.agents;
  for (const std::string& name : agents) {
    if (const Agent* agent = state_.agent(name); agent != nullptr) Terms(step).raise_for(*agent);
  }
  for (Pipeline* pipeline : changed_pipelines()) {
    Drains(step).note_drained(*pipeline);
    if (!is_wanted_up(*pipeline)) continue;
    placer.place(*pipeline);
    note_progress(*pipeline);
  }
  for (const std::string& name : agents) {
    if (const Agent* agent = state_.agent(name); agent != nullptr) Removal(step).note_gone(*agent);
  }
  for (Pipeline* pipeline : changed_pipelines()) {
    if (!Removal(step).note_removed(*pipeline)) note_state(*pipeline);
  }
  for (const std::string& name : agents_to_order()) order_agent(state_.agents.at(name));
  changes_.all = false;
  changes_.agents.clear();
  changes_.pipelines.clear();
}

void BrokerCore::note_progress(Pipeline& pipeline) {
  PipelineRecord& record = pipeline.record;
  const Progress now = progress(state_, pipeline);
  const bool running = record.was_running || now.all_up;
  if (!now.all_settled) {
    pipeline.settled_since.reset();
  } else if (!pipeline.settled_since) {
    pipeline.settled_since = now_;
  }
  if (now.all_settled) changes_.at_tick.insert(pipeline.spec().name);
  // The others have a moment to report the last notes and figures; then all are taken down.
  const bool completed =
      now.all_settled && (now.all_ended || now_ - *pipeline.settled_since >= kEndGrace);
  if (running == record.was_running && !completed) return;
  record.was_running = running;
  record.completed = completed;
  if (record.completed) {
    for (uint32_t instance = 0; instance < pipeline.instances(); ++instance) {
      const auto last = state_.figures.find(pipeline.key(instance));
      if (last != state_.figures.end()) record.figures.push_back(last->second);
    }
  }
  store(pipeline);
}

void BrokerCore::note_state(Pipeline& pipeline) {
  const wire::PipelineStatus status = make_status(state_, pipeline);
  if (pipeline.last_event == status.state) return;
  const bool known = pipeline.last_event.has_value();
  if (status.state == PipelineState::kDegraded && now_ - *started_ < kAgentSilence) {
    changes_.at_tick.insert(status.name);
    return;
  }
  pipeline.last_event = status.state;
  const std::string_view kind = event_of(status.state);
  // What a broker finds when it starts is no news.
  if (known && !kind.empty()) add_event(std::string(kind), status.name, "", "", status.reason);
}

// Those that have, or had, something of what has changed.
std::set<std::string> BrokerCore::agents_to_order() const {
  std::set<std::string> names;
  for (const auto& [name, agent] : state_.agents) {
    bool touched = changes_.agents.contains(name);
    for (auto at = changes_.pipelines.begin(); !touched && at != changes_.pipelines.end(); ++at) {
      const auto first = agent.instances.lower_bound(wire::InstanceKey{*at, "", 0, 0});
      touched = first != agent.instances.end() && first->first.pipeline == *at;
    }
    if (touched) names.insert(name);
  }
  for (const std::string& pipeline : changes_.pipelines) {
    for (const auto& [key, placed] : state_.placements_of(pipeline)) {
      for (const std::string& name : placed.indexed) {
        if (state_.agents.contains(name)) names.insert(name);
      }
    }
  }
  return names;
}

std::set<std::string> BrokerCore::pipelines_to_order(const Agent& agent) const {
  if (!changes_.all) return changes_.pipelines;
  std::set<std::string> names = agent.feed.pipelines();
  names.insert(changes_.pipelines.begin(), changes_.pipelines.end());
  if (const auto kept = state_.kept.find(agent.name); kept != state_.kept.end()) {
    for (const wire::InstanceKey& key : kept->second) names.insert(key.pipeline);
  }
  return names;
}

void BrokerCore::order_agent(Agent& agent) {
  for (const std::string& pipeline : pipelines_to_order(agent)) {
    agent.feed.want(pipeline, make_orders(state_, agent, pipeline));
  }
  if (agent.connected) send_orders(agent);  // Else it is told when it is back.
}

void BrokerCore::send_orders(Agent& agent) {
  while (auto orders = agent.feed.next((boot_ << 32) | (orders_counter_ + 1), now_)) {
    ++orders_counter_;
    send(agent.peer, "", *std::move(orders));
  }
}

void BrokerCore::store(const Pipeline& pipeline) { step().store(pipeline); }

void BrokerCore::send(const std::string& peer, const std::string& request, wire::Message message) {
  step().send(peer, request, std::move(message));
}

}  // namespace weir::broker
