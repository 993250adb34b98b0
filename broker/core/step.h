// What the parts of the core share while a message is taken, a tick passes or decisions are made:
// what is known, what has happened since the last decision, the time, and what is to be written and
// sent in the end. BrokerCore makes one, hands it to a part, and gives out the effects.
//
// A part (Placer, Reports, PipelineRequests, ...) is a set of rules over it and owns nothing: it is
// made where it is needed and lives no longer than the step. Pure. Loop thread.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "broker/core/event_log.h"
#include "broker/core/failure_detector.h"
#include "broker/core/records.h"
#include "broker/core/state.h"
#include "schema/base/result.h"
#include "schema/wire/control.h"

namespace weir::broker {

struct Outgoing {
  std::string peer;  // The routing id that it came from or registered with.
  wire::Envelope envelope;

  bool operator==(const Outgoing&) const = default;
};

// `writes` go to disk as one batch, synced, before any of `sends` leaves: an answer says what is
// stored, and a term is on disk before the order that bears it (C1, C3). If the write fails nothing
// may be sent, and the process ends. `contents_changed`: BrokerCore::contents_in_use() is another.
struct Effects {
  std::vector<StoreWrite> writes;
  std::vector<Outgoing> sends;
  std::vector<Probe> probes;  // Answered by BrokerCore::probed().
  bool contents_changed = false;
};

// Whom something has happened to that may change a decision.
struct Changes {
  bool all = true;
  std::set<std::string> pipelines;
  std::set<std::string> agents;
  // What is to be looked at again whatever happens: at the next tick, ...
  std::set<std::string> at_tick;  // Pipelines.
  std::set<std::string> agents_at_tick;
  // ... and, pipelines, when an agent comes or goes, because they have nodes that found no place.
  std::set<std::string> waiting;
  // Whose settled_position has grown since it was stored; no decision changes by it.
  std::set<wire::InstanceKey> positions;
  std::optional<SteadyTime> positions_stored;  // The last time.
};

// Refers to what BrokerCore owns.
struct Step {
  State& state;
  Changes& changes;
  EventLog& events;
  Effects& effects;
  SteadyTime started;  // When this broker did.
  SteadyTime now;
  uint64_t unix_ms = 0;  // The time of day, for people.

  // After a change of its record; it is decided about.
  void store(const Pipeline& pipeline);
  // Likewise; the agents that keep something of it are told.
  void store(Placement& placed);
  void store(const std::string& agent, const Identity& identity);
  void write(RecordKind kind, uint64_t id, std::string value);
  void erase(RecordKind kind, uint64_t id);
  void send(const std::string& peer, const std::string& request, wire::Message message);
  void refuse(const std::string& peer, const std::string& request, const Error& why);
  void add_event(std::string kind, const std::string& pipeline, const std::string& node,
                 const std::string& agent, std::string text);
  // An agent came or went, or is lost, or is not: so it is with all that it has, and what found no
  // place may find one.
  void note_connection(const std::string& agent);
};

}  // namespace weir::broker
