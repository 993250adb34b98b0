// What the broker knows: what is wanted and was decided (on disk), and what agents report (heard
// again after a restart). Plain data; BrokerCore owns it.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "broker/core/instance_graph.h"
#include "broker/core/order_feed.h"
#include "broker/core/records.h"
#include "schema/wire/control.h"

namespace weir::broker {

inline constexpr std::chrono::milliseconds kAgentSilence{3000};
// The broker was stopped or starved if its clock's ticks are so far apart.
inline constexpr std::chrono::milliseconds kTickGapMax{1000};
// How long nodes may take to end when all sinks have ended and settled.
inline constexpr std::chrono::milliseconds kEndGrace{2000};
// How often everything is decided about anew, whether something has happened to it or not: what was
// forgotten is late then, and no more.
inline constexpr std::chrono::seconds kAllDecided{30};
// How often the positions that sources have reported are written, at most (R5).
inline constexpr std::chrono::seconds kPositionsStored{10};
// After so long a silence a broker that is started anew does not wait for an agent.
inline constexpr std::chrono::seconds kAwayAfter{60};
inline constexpr size_t kAgentsMax = 1024;
inline constexpr size_t kNotesKept = 32;  // Of one instance; events have them all.
inline constexpr size_t kPipelinesMax = 1024;

// No broker ever gives a higher one. What reports more than this is not adopted (R10): one more
// than the highest number would be none at all.
inline constexpr uint64_t kTermMax = 1ull << 62;

struct Pipeline {
  uint64_t id = 0;  // Of its record.
  PipelineRecord record;
  std::optional<wire::PipelineState> last_event;  // The last state that an event told of.
  std::optional<SteadyTime> settled_since;        // All sinks have ended and settled.
  InstanceGraph graph;                            // Of its spec; see set_spec().

  const graph::PipelineSpec& spec() const { return record.spec; }
  // All of these take the index of an instance.
  uint32_t instances() const { return static_cast<uint32_t>(graph.instances.size()); }
  const wire::InstanceKey& key(uint32_t instance) const { return graph.instances[instance].key; }
  const graph::NodeSpec& node(uint32_t instance) const {
    return spec().nodes[graph.instances[instance].node];
  }
  const std::vector<uint32_t>& inputs_of(uint32_t instance) const {
    return graph.instances[instance].inputs;
  }
  const std::vector<uint32_t>& outputs_of(uint32_t instance) const {
    return graph.instances[instance].outputs;
  }
  // It reads nothing, of nobody.
  bool is_source(uint32_t instance) const {
    return inputs_of(instance).empty() && !node(instance).caller_stdin;
  }
  std::optional<uint32_t> find(const wire::InstanceKey& key) const { return graph.find(key); }
  void set_spec(graph::PipelineSpec spec) {
    record.spec = std::move(spec);
    graph = InstanceGraph(record.spec);
  }
};

struct Placement : PlacementRecord {
  uint64_t id = 0;  // Of its record.
  // Of a pipeline that is to stop, is completed, or is to be removed: the agent said, after it was
  // told, that it does not have it.
  bool gone = false;
  std::set<std::string> removed_from;  // Agents that said that they keep nothing of it any more.
  std::set<std::string> indexed;       // Where State::kept has it.

  // All agents that keep something of it.
  std::set<std::string> kept_by() const {
    std::set<std::string> agents(former.begin(), former.end());
    if (!agent.empty()) agents.insert(agent);
    return agents;
  }
};

// Whose notes were taken, and up to which number.
struct TakenNotes {
  uint64_t term = 0;
  uint64_t boot = 0;
  uint64_t number = 0;
};

struct Agent {
  std::string name;
  std::string address;
  std::string peer;  // The routing id of its connection.
  SteadyTime heard;
  bool connected = false;
  std::map<wire::InstanceKey, wire::InstanceStatus> instances;  // As last reported.
  std::map<wire::InstanceKey, TakenNotes> notes;                // Of these.
  std::set<wire::InstanceKey> removing;                         // Likewise.
  OrderFeed feed;
};

// The agent that had a name last, also before this broker started.
struct Identity {
  uint64_t id = 0;  // Of its record.
  std::string text;
  bool away = false;  // AgentRecord::away.
};

inline void add_once(std::vector<std::string>& list, const std::string& text) {
  if (std::find(list.begin(), list.end(), text) == list.end()) list.push_back(text);
}

// An agent that registers in several messages.
struct Registering {
  std::string request;
  wire::AgentRegister so_far;
  SteadyTime heard;
};

// The entries of one pipeline.
template <typename Iterator>
struct Entries {
  Iterator first;
  Iterator last;

  Iterator begin() const { return first; }
  Iterator end() const { return last; }
};

template <typename Map>
auto entries_of(Map& map, const std::string& pipeline) {
  using Iterator = decltype(map.begin());
  const Iterator first = map.lower_bound(wire::InstanceKey{pipeline, "", 0, 0});
  // The least name after this one.
  const Iterator last = map.lower_bound(wire::InstanceKey{pipeline + '\0', "", 0, 0});
  return Entries<Iterator>{first, last};
}

struct State {
  std::map<std::string, Pipeline> pipelines;
  std::map<wire::InstanceKey, Placement> placements;
  std::map<std::string, Agent> agents;  // Those that registered since this broker started.
  std::set<std::string> lost;           // Agents that are silent and whose wrappers are not heard.
  // Agents that were there before this broker's start and have not registered yet, as long as they
  // have time to. Our store may be an old copy: they may have what we never placed.
  std::set<std::string> awaited;
  std::map<std::string, Registering> registering;  // By peer.
  std::map<std::string, Identity> identities;      // By the agents' names.
  // The last that was reported of each, wherever it was; also of those that are gone since.
  std::map<wire::InstanceKey, wire::InstanceStatus> figures;
  // What each agent keeps something of: Placement::kept_by(), looked up from the other side.
  std::map<std::string, std::set<wire::InstanceKey>> kept;

  uint64_t boot = 0;  // Raised at each start of a broker.
  // Of the last orders that were sent. Its high half is the boot, so none comes twice.
  uint64_t last_orders_version = 0;
  // The highest ids of records that were given.
  uint64_t last_pipeline_id = 0;
  uint64_t last_placement_id = 0;
  uint64_t last_agent_id = 0;
  uint64_t term_floor = 0;  // The highest term of all placements that are forgotten.

  // After a change of where it is.
  void index(Placement& placed) {
    std::set<std::string> now = placed.kept_by();
    for (const std::string& name : placed.indexed) {
      if (now.contains(name)) continue;
      const auto at = kept.find(name);
      at->second.erase(placed.key);
      if (at->second.empty()) kept.erase(at);
    }
    for (const std::string& name : now) kept[name].insert(placed.key);
    placed.indexed = std::move(now);
  }

  const Pipeline* pipeline(const std::string& name) const {
    const auto found = pipelines.find(name);
    return found == pipelines.end() ? nullptr : &found->second;
  }
  Pipeline* pipeline(const std::string& name) {
    const auto found = pipelines.find(name);
    return found == pipelines.end() ? nullptr : &found->second;
  }
  const Placement* placement(const wire::InstanceKey& key) const {
    const auto found = placements.find(key);
    const bool placed = found != placements.end() && !found->second.agent.empty();
    return placed ? &found->second : nullptr;
  }
  // What is drained, or was, of this node.
  std::vector<const Placement*> drains_of(const wire::InstanceKey& node) const {
    std::vector<const Placement*> drains;
    for (auto at = placements.upper_bound(node); at != placements.end(); ++at) {
      const wire::InstanceKey& key = at->first;
      if (key.pipeline != node.pipeline || key.node != node.node || key.instance != node.instance) {
        break;
      }
      drains.push_back(&at->second);
    }
    return drains;
  }
  const Agent* agent(const std::string& name) const {
    const auto found = agents.find(name);
    return found == agents.end() ? nullptr : &found->second;
  }
  bool is_connected(const std::string& name) const {
    const Agent* at = agent(name);
    return at != nullptr && at->connected;
  }
  // Whether its readers need not wait for it when they are to stop. What a lost agent had does not
  // run, or nobody hears it.
  bool is_gone(const Placement* placed) const {
    return placed == nullptr || placed->agent.empty() || placed->gone ||
           lost.contains(placed->agent);
  }
  // What the agent that a placement names reports of it, if the report is about this very term.
  const wire::InstanceStatus* report(const wire::InstanceKey& key) const {
    const Placement* placed = placement(key);
    if (placed == nullptr) return nullptr;
    const Agent* at = agent(placed->agent);
    if (at == nullptr) return nullptr;
    const auto found = at->instances.find(key);
    if (found == at->instances.end() || found->second.term != placed->term) return nullptr;
    return &found->second;
  }

  // All of one pipeline.
  auto placements_of(const std::string& pipeline) const { return entries_of(placements, pipeline); }
  auto placements_of(const std::string& pipeline) { return entries_of(placements, pipeline); }
};

// Whether it is to be up: a completed one is not.
inline bool is_wanted_up(const Pipeline& pipeline) {
  return pipeline.record.desired == DesiredState::kRun && !pipeline.record.completed;
}

// Whether a program of it would run on nothing if it began anew: all that it had is settled, and so
// it is with whoever reads it, up to the sinks.
inline bool is_retired(const Pipeline& pipeline, uint32_t instance, const Placement& placed) {
  return placed.finished && !pipeline.inputs_of(instance).empty();
}

}  // namespace weir::broker
