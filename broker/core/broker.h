// The broker's one door: a message or the passing of time goes in; what must be on disk and what is
// then to be sent comes out.
//
// It works by levels, not by steps: after each event it compares what is wanted with what agents
// report, places what is not placed, computes anew what each agent should be told, and tells those
// for whom that has changed or who have not obeyed it yet. So nothing but the records has to
// survive a kill: whatever was lost on the way is computed and sent again.
//
// Pure: no sockets, files or clocks. Loop thread.
#pragma once

#include <deque>
#include <string>
#include <utility>
#include <vector>

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
// may be sent, and the process ends.
struct Effects {
  std::vector<StoreWrite> writes;
  std::vector<Outgoing> sends;
};

class BrokerCore {
 public:
  // From all records of the store. Adds to `writes` what must be stored before the first event:
  // the raised boot counter. kCorrupt, or kInvalid for a store of another format.
  static Result<BrokerCore> recover(const std::vector<StoreRecord>& records,
                                    std::vector<StoreWrite>& writes);

  Effects receive(const std::string& peer, wire::Envelope envelope, SteadyTime now);
  // Call about twice a second: notices silent agents.
  Effects tick(SteadyTime now);

  const State& state() const { return state_; }

 private:
  BrokerCore() = default;

  Status take_record(const StoreRecord& record);

  void on_message(const std::string& peer, const std::string& request, wire::PipelinePut message);
  void on_message(const std::string& peer, const std::string& request, wire::PipelineRun message);
  void on_message(const std::string& peer, const std::string& request, wire::PipelineStop message);
  void on_message(const std::string& peer, const std::string& request,
                  const wire::PipelineStatusRequest& message);
  void on_message(const std::string& peer, const std::string& request,
                  const wire::BrokerStatusRequest& message);
  void on_message(const std::string& peer, const std::string& request, wire::AgentRegister message);
  void on_message(const std::string& peer, const std::string& request, wire::AgentReport message);
  // Answers, and what only others take.
  template <typename T>
  void on_message(const std::string& peer, const std::string& request, const T& message);

  Status put(graph::PipelineSpec spec);
  Status run(wire::PipelineRun message);
  Status stop(const std::string& name);

  template <typename Change>
  void change(const std::string& peer, const std::string& request, Change what);
  void keep_result(const std::string& request, const std::optional<wire::Refusal>& refusal);
  void take_report(Agent& agent, std::vector<wire::InstanceStatus> instances);

  // Brings decisions in line with the state; see the top.
  void reconcile();
  void place(Pipeline& pipeline);
  void place_node(Pipeline& pipeline, uint32_t node);
  void raise_terms();
  void note_gone();
  void note_progress(Pipeline& pipeline);
  void order_agents();
  void send_orders(const Agent& agent, const std::string& request);

  void store(const Pipeline& pipeline);
  void store(const wire::InstanceKey& key, const Placement& placed);
  void send(const std::string& peer, const std::string& request, wire::Message message);

  State state_;
  uint64_t boot_ = 0;  // High half of the orders' versions, so that none comes twice.
  uint64_t orders_counter_ = 0;
  uint64_t last_pipeline_id_ = 0;
  uint64_t last_placement_id_ = 0;
  uint64_t last_result_id_ = 0;
  std::deque<std::pair<uint64_t, ResultRecord>> results_;  // Oldest first; at most kResultsKept.
  SteadyTime now_{};                                       // Of the step that is under way.
  Effects effects_;                                        // Likewise.
};

}  // namespace weir::broker
