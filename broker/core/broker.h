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
// Its parts, each a set of rules over the state (step.h):
//
//   Router                            which part takes which message
//   PipelineRequests, ActionRequests  what people want
//   Registration, Liveness, Reports   who the agents are, which are heard, what they have
//   Relay                             questions passed on to agents, and answers back
//   Terms, Placer, Drains             where instances run, in which term; what is left behind (R5)
//   Lifecycle                         what becomes of pipelines that run
//   Removal                           what agents are rid of, and what is forgotten
//   Dispatch                          who is told
//
// Pure: no sockets, files or clocks. Loop thread.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "broker/core/action_registry.h"
#include "broker/core/event_log.h"
#include "broker/core/failure_detector.h"
#include "broker/core/kept_results.h"
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
  void begin_step(SteadyTime now, uint64_t unix_ms);
  Step step();
  // Who did not look for a while must not take its own absence for that of others.
  void pass_over_gap();
  // Brings decisions in line with the state; see the top.
  void reconcile();
  std::vector<Pipeline*> changed_pipelines();

  // What is known, and outlives a step.
  State state_;
  ActionRegistry actions_;
  KeptResults results_;
  EventLog events_;
  FailureDetector failure_detector_;
  Changes changes_;
  // Until agents have had the time to register, nothing is degraded.
  std::optional<SteadyTime> started_;
  std::optional<SteadyTime> ticked_;
  std::optional<SteadyTime> all_decided_;

  // Of the step that is under way.
  SteadyTime now_{};
  uint64_t unix_ms_ = 0;
  Effects effects_;
};

}  // namespace weir::broker
