// The broker as a process of the simulated cluster: the real core over a simulated store. What it
// does is as in broker/shell/broker_shell.cc and prober.cc; the logic is the core's.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/core/broker.h"
#include "test/sim/cluster/control_link.h"
#include "test/sim/cluster/scheduler.h"

namespace weir::sim {

class Cluster;

// Every write of the broker is synced before it goes on.
struct BrokerDisk {
  std::map<broker::StoreKey, std::string> records;
  std::vector<std::map<broker::StoreKey, std::string>> copies;

  void write(const std::vector<broker::StoreWrite>& writes);
  void keep_copy();
};

class BrokerProcess : public Process {
 public:
  BrokerProcess(Cluster& cluster, BrokerDisk& disk);

  void begin();
  void die();

  void accept(const std::string& peer, std::weak_ptr<ControlLink> link);
  void forget(const std::string& peer) { peers_.erase(peer); }
  void receive(const std::string& peer, const wire::Envelope& envelope);

  const broker::BrokerCore& core() const { return *core_; }

 private:
  void tick();
  void carry_out(const broker::Effects& effects);
  void ask(const broker::Probe& probe, SteadyTime until);
  bool dies_now();

  Cluster& cluster_;
  BrokerDisk& disk_;
  std::optional<broker::BrokerCore> core_;
  std::map<std::string, std::weak_ptr<ControlLink>> peers_;
  bool dead_ = false;
};

}  // namespace weir::sim
