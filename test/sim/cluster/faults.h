// What goes wrong in a simulated cluster. Each seed chooses which kinds there are, and when.
#pragma once

#include <cstdint>
#include <vector>

#include "test/sim/cluster/scheduler.h"

namespace weir::sim {

class Cluster;
class Host;

enum class Fault {
  kKillWrapper,
  kKillAgent,
  kKillBroker,
  kKillAtWork,  // Broker or agent, between two things that belong together.
  kKillProgram,
  kKillGuard,
  kBreakEdge,
  kStopHost,  // SIGSTOP of all that runs there.
  kStopBroker,
  kCutHost,        // From all others, both ways.
  kCutHostOneWay,  // Its words are lost, or it hears nothing.
  kCutPair,        // Two hosts from each other.
  kCutFromBroker,  // Only from the broker.
  kPowerCut,       // Comes back, by and by.
  kLoseHost,       // For ever, with its disk. One at most.
  kOldLog,         // An older copy of an inner node's log, or of a sink's, is put back.
  kOldStore,       // Likewise of the broker's.
  kDiskShort,      // Near its reserve, or below, for a while.
  kDiskFull,
  kSlowDisk,
  kStopAndRun,  // By somebody with weirctl; these three are his wishes (wishes.h).
  kEndEarly,
  kRemove,
  kCount
};

struct FaultPlan {
  std::vector<Fault> kinds;
  milliseconds gap{1000};  // Between two, on average.
};

class FaultMaker {
 public:
  explicit FaultMaker(Cluster& cluster) : cluster_(cluster) {}
  void begin();
  void end() { over_ = true; }

  bool dies_at_work(bool broker);
  bool host_is_lost() const { return host_lost_; }

 private:
  void next();
  void inject(Fault fault);
  void kill_wrapper(Host& host);
  void old_log(Host& host);
  void old_store();
  void cut(Host& host, Fault fault);
  void close_for(size_t from, size_t to, Duration time);
  Duration some_time();

  Cluster& cluster_;
  bool over_ = false;
  bool host_lost_ = false;
  uint64_t steps_to_death_ = 0;  // Of whoever is at work.
};

}  // namespace weir::sim
