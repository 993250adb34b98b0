// Where instances run, and in which term: places what is not placed, moves what a lost agent had.
//
// What has a log stays where that is while its agent is not lost. A place elsewhere is an empty log
// and a higher term: upstream sends again what is not settled (R4); what only the log of a source
// holds is drained when its host is back, or written again (R5, Drains). What is over is placed
// nowhere anew (R8).
//
// Needs State: placements, agents, those that are lost or awaited. A part: see Step.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "broker/core/agent_choice.h"
#include "broker/core/outcome.h"
#include "broker/core/step.h"

namespace weir::broker {

class Placer {
 public:
  explicit Placer(Step& step) : step_(step), state_(step.state) {}

  // All instances of one that is wanted up. If there is no agent for one, the pipeline waits.
  void place(Pipeline& pipeline);
  // Another agent has this name now, and none of the logs.
  void begin_anew_on(const std::string& agent);
  // What only the logs of agents that are not connected hold is given up: their lanes are ended by
  // writers of higher terms, with empty logs, on other agents. kNotFound; kConflict: there is
  // nothing to give up; kUnavailable: no agent is connected.
  Outcome abandon(const std::string& pipeline);

 private:
  // False: there is no agent for it.
  bool place_instance(Pipeline& pipeline, uint32_t instance);
  bool move_instance(Pipeline& pipeline, uint32_t instance);
  bool is_awaited(const wire::InstanceKey& key) const;
  void give_place(Placement& placed, const std::string& agent, uint64_t term);
  void begin_anew(Placement& placed);
  // True: it is over, and needs no place.
  bool retire(Pipeline& pipeline, uint32_t instance);
  void retire_from(Pipeline& pipeline, uint32_t instance);
  const Loads& loads();

  Step& step_;
  State& state_;
  std::optional<Loads> loads_;  // From when it was needed first, with what was placed since.
};

}  // namespace weir::broker
