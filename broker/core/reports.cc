#include "broker/core/reports.h"

#include <algorithm>
#include <map>
#include <utility>

#include "broker/core/liveness.h"

namespace weir::broker {
namespace {

// Whether the difference between two reports of an instance can change a decision; figures do not.
bool same_for_decisions(const wire::InstanceStatus& a, const wire::InstanceStatus& b) {
  return a.term == b.term && a.log_term == b.log_term && a.state == b.state &&
         a.ended_and_settled == b.ended_and_settled && a.endpoint == b.endpoint &&
         a.remote_endpoint == b.remote_endpoint && a.writers == b.writers &&
         a.fenced_by == b.fenced_by;
}

}  // namespace

void Reports::take(const std::string& peer, const std::string& request, wire::AgentReport message) {
  const auto found = state_.agents.find(message.name);
  if (found == state_.agents.end() || found->second.peer != peer) {
    step_.refuse(peer, request, {ErrorCode::kNotFound, "register first"});
    return;
  }
  Agent& agent = found->second;
  if (!agent.connected) step_.add_event("agent.connected", "", "", agent.name, "it is heard again");
  Liveness(step_, failure_detector_).heard(agent);
  if (!message.removing.empty() || !agent.removing.empty()) step_.changes.agents.insert(agent.name);
  agent.removing = {message.removing.begin(), message.removing.end()};
  if (message.changes_only) {
    take_changes(agent, std::move(message.instances), message.gone);
  } else {
    take_all(agent, std::move(message.instances));
  }
  // What it has obeyed says what it does not have, once all is said that it has.
  if (!message.more && agent.feed.on_report(message.orders_version, step_.now)) {
    step_.changes.agents.insert(agent.name);
  }
  step_.send(peer, request, wire::Ok{});
}

void Reports::take_all(Agent& agent, std::vector<wire::InstanceStatus> instances) {
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
  if (!taken.instances.empty()) step_.send(agent.peer, "", std::move(taken));
}

void Reports::take_changes(Agent& agent, std::vector<wire::InstanceStatus> instances,
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
  if (!taken.instances.empty()) step_.send(agent.peer, "", std::move(taken));
}

void Reports::take_status(Agent& agent, const wire::InstanceStatus* before,
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

std::vector<wire::Note> Reports::take_notes(Agent& agent, const wire::InstanceKey& key,
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
    step_.add_event("node.note", status.pipeline, status.node, agent.name, wire::to_string(note));
    fresh.push_back(note);
  }
  taken.instances.push_back({key, status.boot, known.number});
  return fresh;
}

void Reports::keep_figures(const wire::InstanceKey& key, const wire::InstanceStatus& status,
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
void Reports::keep_position(const wire::InstanceKey& key, const wire::InstanceStatus& status) {
  if (status.settled_position.none()) return;
  Placement& placed = state_.placements.at(key);
  if (status.term != placed.term || status.settled_record < placed.settled_record) return;
  if (status.settled_position == placed.settled_position &&
      status.settled_record == placed.settled_record) {
    return;
  }
  placed.settled_position = status.settled_position;
  placed.settled_record = status.settled_record;
  step_.changes.positions.insert(key);
}

void Reports::store_positions() {
  Changes& changes = step_.changes;
  if (changes.positions.empty()) return;
  if (changes.positions_stored && step_.now - *changes.positions_stored < kPositionsStored) return;
  changes.positions_stored = step_.now;
  for (const wire::InstanceKey& key : std::exchange(changes.positions, {})) {
    const auto found = state_.placements.find(key);
    if (found == state_.placements.end()) continue;
    const Placement& placed = found->second;
    step_.write(RecordKind::kPlacement, placed.id, encode_record(placed));
  }
}

void Reports::add_events_of(const Agent& agent, const wire::InstanceStatus& before,
                            const wire::InstanceStatus& after) {
  const auto add = [&](std::string kind, std::string text) {
    step_.add_event(std::move(kind), after.pipeline, after.node, agent.name, std::move(text));
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
void Reports::add_event_of_dead_letters(const Agent& agent, const wire::InstanceKey& key,
                                        const wire::InstanceStatus& status) {
  const auto kept = state_.figures.find(key);
  const uint64_t known = kept == state_.figures.end() ? 0 : kept->second.dead_letters;
  if (status.dead_letters <= known) return;
  const uint64_t more = status.dead_letters - known;
  step_.add_event("node.dead_letters", status.pipeline, status.node, agent.name,
                  std::to_string(more) +
                      (more == 1 ? " dead letter more, " : " dead letters more, ") +
                      std::to_string(status.dead_letters) + " in all");
}

void Reports::note_instance(const Agent& agent, const wire::InstanceKey& key) {
  step_.changes.agents.insert(agent.name);
  step_.changes.pipelines.insert(key.pipeline);
}

}  // namespace weir::broker
