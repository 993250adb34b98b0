// An agent as a process of the simulated cluster: the real core, on its host's disk and processes.
// What it does is as in agent/shell/agent_shell.cc and processes.cc; the logic is the core's.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "agent/core/agent.h"
#include "test/sim/cluster/control_link.h"
#include "test/sim/cluster/scheduler.h"

namespace weir::sim {

class Cluster;
class Host;

class AgentProcess : public Process {
 public:
  AgentProcess(Cluster& cluster, Host& host);

  void begin();
  void die();

  void from_wrapper(int64_t pid, const wire::Envelope& envelope);
  // `status`: none by a signal.
  void process_ended(int64_t pid, std::optional<int> status);

  const agent::AgentCore& core() const { return core_; }

 private:
  void from_broker(const wire::Envelope& envelope);
  void connect_broker();
  void carry_out(std::vector<agent::AgentEffect> effects);
  void carry_out_one(const agent::AgentEffect& effect);
  void do_for_wrapper(const agent::ForWrapper& task);
  agent::LifeEvent launch(const wire::InstanceKey& key);
  agent::LifeEvent probe(const wire::InstanceKey& key);
  void answer(const wire::InstanceKey& key, const agent::LifeEvent& event);
  void arm_timer();
  SteadyTime clock() const;

  Cluster& cluster_;
  Host& host_;
  agent::AgentCore core_;
  std::shared_ptr<ControlLink> broker_;
  std::deque<agent::AgentEffect> pending_;
  bool draining_ = false;
  bool dead_ = false;
  bool boot_noted_ = true;
  std::map<int64_t, wire::InstanceKey> followed_;
  std::set<int64_t> children_;  // Of those, whose status it gets.
  uint64_t timer_number_ = 0;
  SteadyTime busy_since_{};
  uint64_t ticks_ = 0;  // Since then.
};

}  // namespace weir::sim
