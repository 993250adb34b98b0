// The broker's one door: a message or the passing of time goes in; what must be on disk and what is
// then to be sent comes out.
//
// It works by levels, not by steps: decide() compares what is wanted with what agents report,
// places what is not placed, computes anew what each agent should be told, and tells those for whom
// that has changed or who have not obeyed it yet. So nothing but the records has to survive a kill:
// whatever was lost on the way is computed and sent again. It looks at the pipelines and agents
// that something has happened to (Changes) since; deciding about all of them would find nothing
// more.
//
// Pure: no sockets, files or clocks. Loop thread.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "broker/core/action_registry.h"
#include "broker/core/event_log.h"
#include "broker/core/failure_detector.h"
#include "broker/core/kept_results.h"
#include "broker/core/outcome.h"
#include "broker/core/records.h"
#include "broker/core/state.h"
#include "broker/core/step.h"
#include "schema/base/result.h"
#include "schema/wire/control.h"

namespace weir::broker {

class BrokerCore {
 public:
  // From all records of the store. Adds to `writes` what must be stored before the first event:
  // the raised boot counter. kCorrupt, or kInvalid for a store of another format.
  static Result<BrokerCore> recover(const std::vector<StoreRecord>& records,
                                    std::vector<StoreWrite>& writes);

  // `unix_ms`: the time of day, for people. An ActionPut comes here only when all of its content is
  // there; ActionChunk and ActionFetch do not come here at all.
  void take(const std::string& peer, wire::Envelope envelope, SteadyTime now, uint64_t unix_ms = 0);
  // What follows from all that was taken since. Nothing is answered before.
  Effects decide();
  // Both.
  Effects receive(const std::string& peer, wire::Envelope envelope, SteadyTime now,
                  uint64_t unix_ms = 0);
  // Decides about everything.
  Effects decide_all();
  // Call about four times a second: notices silent agents, and lost ones.
  Effects tick(SteadyTime now, uint64_t unix_ms = 0);
  // Whether one of a Probe's endpoints answered. What follows from it comes with the next tick.
  void probed(const std::string& agent, bool answered, SteadyTime now);

  const State& state() const { return state_; }
  // The hashes of all contents that an action or a pipeline needs.
  std::set<std::string> contents_in_use() const;

 private:
  BrokerCore() = default;

  Status take_record(const StoreRecord& record);

  void on_message(const std::string& peer, const std::string& request, wire::PipelinePut message);
  void on_message(const std::string& peer, const std::string& request, wire::PipelineRun message);
  void on_message(const std::string& peer, const std::string& request, wire::PipelineStop message);
  void on_message(const std::string& peer, const std::string& request,
                  const wire::PipelineRemove& message);
  void on_message(const std::string& peer, const std::string& request,
                  const wire::PipelineAbandon& message);
  void on_message(const std::string& peer, const std::string& request,
                  const wire::AgentRemove& message);
  void on_message(const std::string& peer, const std::string& request,
                  const wire::PipelineGet& message);
  void on_message(const std::string& peer, const std::string& request,
                  const wire::PipelineStatusRequest& message);
  void on_message(const std::string& peer, const std::string& request,
                  const wire::BrokerStatusRequest& message);
  void on_message(const std::string& peer, const std::string& request,
                  const wire::ActionPut& message);
  void on_message(const std::string& peer, const std::string& request,
                  const wire::ActionFind& message);
  void on_message(const std::string& peer, const std::string& request,
                  const wire::ActionList& message);
  void on_message(const std::string& peer, const std::string& request,
                  const wire::ActionRemove& message);
  void on_message(const std::string& peer, const std::string& request,
                  const wire::EventsRequest& message);
  void on_message(const std::string& peer, const std::string& request, wire::LogRead message);
  void on_message(const std::string& peer, const std::string& request, wire::LogData message);
  void on_message(const std::string& peer, const std::string& request, wire::DeadRead message);
  void on_message(const std::string& peer, const std::string& request, wire::DeadData message);
  void on_message(const std::string& peer, const std::string& request, wire::DeadChange message);
  void on_message(const std::string& peer, const std::string& request, wire::DeadChanged message);
  void on_message(const std::string& peer, const std::string& request, wire::Refusal message);
  void on_message(const std::string& peer, const std::string& request, wire::AgentRegister message);
  void on_message(const std::string& peer, const std::string& request, wire::AgentReport message);
  // Answers, and what only others take.
  template <typename T>
  void on_message(const std::string& peer, const std::string& request, const T& message);

  Outcome put(graph::PipelineSpec spec);
  Outcome run(wire::PipelineRun message);
  Outcome stop(const std::string& name, bool end);
  Outcome remove(const std::string& name, bool discard);
  Outcome remove_agent(const std::string& name);
  std::string needs_agent(const std::string& name) const;
  bool make_room_for_agent();
  void store_agent(const std::string& name);
  void note_away();
  Outcome put_action(const wire::ActionPut& put);
  Outcome remove_action(const std::string& name, uint32_t version);

  template <typename Change>
  void change(const std::string& peer, const std::string& request, Change what);
  Result<std::vector<wire::ActionRef>> newest_actions(const graph::PipelineSpec& spec) const;
  std::vector<std::string> users_of(const wire::ActionRef& action) const;
  // A message that an agent is to answer, or that answers one, on its way to somebody else.
  void pass_on(const std::string& peer, const std::string& request, const wire::InstanceKey& key,
               wire::Message message);
  void pass_back(const std::string& request, wire::Message message);
  // False: another one of this name is heard.
  bool take_identity(const wire::AgentRegister& message);
  void on_heard(Agent& agent);
  // `fresh`: its notes that were not taken before.
  void keep_figures(const wire::InstanceKey& key, const wire::InstanceStatus& status,
                    const std::vector<wire::Note>& fresh);
  // False: there is more to come, or it is not known.
  bool take_part(const std::string& peer, const std::string& request, wire::AgentReport& message);
  void take_all(Agent& agent, std::vector<wire::InstanceStatus> instances);
  void take_changes(Agent& agent, std::vector<wire::InstanceStatus> instances,
                    const std::vector<wire::InstanceKey>& gone);
  // `before`: the last report of it; null: there was none.
  void take_status(Agent& agent, const wire::InstanceStatus* before,
                   const wire::InstanceStatus& status, wire::NotesTaken& taken);
  void note_instance(const Agent& agent, const wire::InstanceKey& key);
  void keep_position(const wire::InstanceKey& key, const wire::InstanceStatus& status);
  void store_positions();
  void add_events_of(const Agent& agent, const wire::InstanceStatus& before,
                     const wire::InstanceStatus& after);
  void add_event_of_dead_letters(const Agent& agent, const wire::InstanceKey& key,
                                 const wire::InstanceStatus& status);
  // Those that are new become events.
  std::vector<wire::Note> take_notes(Agent& agent, const wire::InstanceKey& key,
                                     const wire::InstanceStatus& status, wire::NotesTaken& taken);
  void add_event(std::string kind, const std::string& pipeline, const std::string& node,
                 const std::string& agent, std::string text);

  // Brings decisions in line with the state; see the top.
  void reconcile();
  void note_connection(const std::string& name);
  std::vector<Pipeline*> changed_pipelines();
  std::set<std::string> agents_to_order() const;
  std::set<std::string> pipelines_to_order(const Agent& agent) const;
  void note_progress(Pipeline& pipeline);
  void note_state(Pipeline& pipeline);
  void order_agent(Agent& agent);
  void send_orders(Agent& agent);

  void store(const Pipeline& pipeline);
  Step step();
  void send(const std::string& peer, const std::string& request, wire::Message message);

  // An agent that registers in several messages.
  struct Registering {
    std::string request;
    wire::AgentRegister so_far;
    SteadyTime heard;
  };

  State state_;
  std::map<std::string, Registering> registering_;  // By peer.
  uint64_t boot_ = 0;  // High half of the orders' versions, so that none comes twice.
  uint64_t orders_counter_ = 0;
  KeptResults results_;
  ActionRegistry actions_;
  EventLog events_;
  // Until agents have had the time to register, nothing is degraded.
  std::optional<SteadyTime> started_;
  std::optional<SteadyTime> ticked_;
  std::optional<SteadyTime> all_decided_;
  std::optional<SteadyTime> positions_stored_;
  FailureDetector failure_detector_;
  Changes changes_;
  SteadyTime now_{};      // Of the step that is under way.
  uint64_t unix_ms_ = 0;  // Likewise.
  Effects effects_;       // Likewise.
};

}  // namespace weir::broker
