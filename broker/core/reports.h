// What agents report of the instances that they have: taken into State, with events of what is new
// in it, and decisions to be made anew about what has changed.
//
// Figures, notes and positions outlive the reports: the last of each instance is kept, whatever
// becomes of it; notes until an agent knows that they were taken; positions also on disk, now and
// then. Needs State: agents, placements, figures. A part: see Step.
#pragma once

#include <string>
#include <vector>

#include "broker/core/failure_detector.h"
#include "broker/core/step.h"

namespace weir::broker {

class Reports {
 public:
  Reports(Step& step, FailureDetector& failure_detector)
      : step_(step), state_(step.state), failure_detector_(failure_detector) {}

  // Of an agent that has registered; others are told to.
  void take(const std::string& peer, const std::string& request, wire::AgentReport message);
  // All that it has.
  void take_all(Agent& agent, std::vector<wire::InstanceStatus> instances);
  // Those that have grown. Not with each report, and nothing waits for it: to know of less is
  // harmless.
  void store_positions();

 private:
  void take_changes(Agent& agent, std::vector<wire::InstanceStatus> instances,
                    const std::vector<wire::InstanceKey>& gone);
  // `before`: the last report of it; null: there was none.
  void take_status(Agent& agent, const wire::InstanceStatus* before,
                   const wire::InstanceStatus& status, wire::NotesTaken& taken);
  // Those that were not taken before; they become events.
  std::vector<wire::Note> take_notes(Agent& agent, const wire::InstanceKey& key,
                                     const wire::InstanceStatus& status, wire::NotesTaken& taken);
  void keep_figures(const wire::InstanceKey& key, const wire::InstanceStatus& status,
                    const std::vector<wire::Note>& fresh);
  void keep_position(const wire::InstanceKey& key, const wire::InstanceStatus& status);
  void add_events_of(const Agent& agent, const wire::InstanceStatus& before,
                     const wire::InstanceStatus& after);
  void add_event_of_dead_letters(const Agent& agent, const wire::InstanceKey& key,
                                 const wire::InstanceStatus& status);
  void note_instance(const Agent& agent, const wire::InstanceKey& key);

  Step& step_;
  State& state_;
  FailureDetector& failure_detector_;
};

}  // namespace weir::broker
