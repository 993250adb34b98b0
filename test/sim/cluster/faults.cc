#include "test/sim/cluster/faults.h"

#include "test/sim/cluster/agent_process.h"
#include "test/sim/cluster/cluster.h"
#include "test/sim/cluster/wrapper_process.h"

namespace weir::sim {

void FaultMaker::begin() {
  if (!cluster_.plan().faults.kinds.empty()) next();
}

void FaultMaker::next() {
  const auto gap = cluster_.plan().faults.gap;
  cluster_.scheduler().after(milliseconds(cluster_.pick(2 * gap.count())), [this] {
    if (over_) return;
    const auto& kinds = cluster_.plan().faults.kinds;
    inject(kinds[cluster_.pick(kinds.size())]);
    next();
  });
}

// Short more often than long; what is longer than three seconds makes a host be lost.
Duration FaultMaker::some_time() {
  switch (cluster_.pick(4)) {
    case 0:
      return milliseconds(cluster_.pick(300));
    case 1:
    case 2:
      return milliseconds(cluster_.pick(4000));
    default:
      return milliseconds(3000 + cluster_.pick(9000));
  }
}

bool FaultMaker::dies_at_work(bool broker) {
  if (over_ || steps_to_death_ == 0 || --steps_to_death_ > 0) return false;
  cluster_.count_fault(broker ? "the broker dies at work" : "an agent dies at work");
  return true;
}

void FaultMaker::inject(Fault fault) {
  const auto& hosts = cluster_.hosts();
  Host& host = *hosts[cluster_.pick(hosts.size())];
  Scheduler& scheduler = cluster_.scheduler();
  switch (fault) {
    case Fault::kKillWrapper:
    case Fault::kKillProgram:
    case Fault::kKillGuard:
    case Fault::kBreakEdge: {
      if (host.processes().empty()) return;
      auto at = host.processes().begin();
      std::advance(at, cluster_.pick(host.processes().size()));
      WrapperProcess& process = *at->second;
      if (fault == Fault::kBreakEdge) {
        cluster_.count_fault("an edge of " + process.name() + " breaks");
        return process.break_some_link();
      }
      if (fault != Fault::kKillWrapper) {
        if (!process.runs_program()) return;
        cluster_.count_fault("a program of " + process.name() + " is killed");
        return process.kill_program(fault == Fault::kKillGuard);
      }
      cluster_.count_fault(process.name() + " is to be killed");
      return host.process_ended(process.pid(), std::nullopt);
    }
    case Fault::kKillAgent:
      if (host.agent() == nullptr) return;
      cluster_.count_fault("the agent of " + host.name());
      host.kill_agent();
      return scheduler.after(some_time(), [&host] { host.start_agent(); });
    case Fault::kKillBroker:
      if (cluster_.broker() == nullptr) return;
      cluster_.count_fault("the broker");
      return cluster_.kill_broker();
    case Fault::kKillAtWork:
      steps_to_death_ = 1 + cluster_.pick(8);
      return;
    case Fault::kStopHost:
      cluster_.count_fault(host.name() + " stands still");
      return host.stop_until(scheduler.now() + some_time());
    case Fault::kStopBroker:
      if (cluster_.broker() == nullptr) return;
      cluster_.count_fault("the broker stands still");
      return cluster_.broker()->stop_until(scheduler.now() + some_time());
    case Fault::kCutHost:
    case Fault::kCutHostOneWay:
    case Fault::kCutPair:
    case Fault::kCutFromBroker:
      return cut(host, fault);
    case Fault::kPowerCut:
      if (!host.on()) return;
      cluster_.count_fault("power of " + host.name());
      host.cut_power();
      return scheduler.after(some_time(), [&host] { host.boot(); });
    case Fault::kLoseHost:
      if (host_lost_) return;
      host_lost_ = true;
      cluster_.count_fault(host.name() + " for ever");
      host.lose_for_ever();
      // Another server of this name, perhaps.
      if (cluster_.pick(2) == 0) scheduler.after(some_time(), [&host] { host.replace(); });
      return;
    case Fault::kOldLog:
      return old_log(host);
    case Fault::kOldStore:
      return old_store();
    case Fault::kDiskShort:
    case Fault::kDiskFull: {
      if (host.disk != DiskState::kFine) return;
      cluster_.count_fault("the disk of " + host.name());
      const DiskState little = cluster_.pick(2) == 0 ? DiskState::kLow : DiskState::kOut;
      host.disk = fault == Fault::kDiskFull ? DiskState::kFull : little;
      return scheduler.after(some_time(), [&host] { host.disk = DiskState::kFine; });
    }
    case Fault::kSlowDisk:
      cluster_.count_fault("the disk of " + host.name() + " is slow");
      host.disk_slow = true;
      return scheduler.after(some_time(), [&host] { host.disk_slow = false; });
    case Fault::kStopAndRun:
      return cluster_.wishes().stop_and_run();
    case Fault::kEndEarly:
      return cluster_.wishes().end_early();
    case Fault::kRemove:
      return cluster_.wishes().remove_and_begin_anew();
    case Fault::kCount:
      return;
  }
}

void FaultMaker::close_for(size_t from, size_t to, Duration time) {
  cluster_.network().close(from, to);
  cluster_.scheduler().after(time, [this, from, to] { cluster_.network().reopen(from, to); });
}

void FaultMaker::cut(Host& host, Fault fault) {
  const Duration time = some_time();
  const size_t here = host.place();
  const size_t places = cluster_.plan().hosts + 1;
  const bool hears = cluster_.pick(2) == 0;
  const bool speaks = cluster_.pick(2) == 0;
  const size_t other = cluster_.pick(places);
  cluster_.count_fault("the network of " + host.name());
  for (size_t place = 0; place < places; ++place) {
    if (place == here) continue;
    if (fault == Fault::kCutPair && place != other) continue;
    if (fault == Fault::kCutFromBroker && place != cluster_.broker_place()) continue;
    const bool one_way = fault == Fault::kCutHostOneWay || (hears && speaks);
    if (!one_way || hears) close_for(here, place, time);
    if (!one_way || !hears) close_for(place, here, time);
  }
}

void FaultMaker::old_log(Host& host) {
  for (const auto& [pid, process] : host.processes()) {
    if (process->order().writers.empty()) continue;  // A sole copy would be lost with it.
    const std::string folder = process->order().log_dir;
    cluster_.count_fault("an old copy of the log of " + process->name());
    const bool sink = process->order().sink;
    host.process_ended(pid, std::nullopt);
    HostLog& log = host.log(folder);
    if (log.disk.copies() == 0) return;
    log.disk.restore(cluster_.pick(log.disk.copies()));
    // Its boot is kept beside it. A sink without that would give names of units to other records.
    if (!sink && cluster_.pick(2) == 0) log.kept_boot = 0;
    cluster_.logs_lost("an old copy of a log is put back");
    cluster_.checker().log_was_lost(folder);
    return;
  }
}

void FaultMaker::old_store() {
  BrokerDisk& disk = cluster_.broker_disk();
  if (disk.copies.empty()) return;
  cluster_.count_fault("the broker's store is an older one");
  cluster_.kill_broker();
  disk.records = disk.copies[cluster_.pick(disk.copies.size())];
  cluster_.checker().broker_forgot();
  if (!cluster_.plan().early_copies) return;
  cluster_.scheduler().after(milliseconds(cluster_.pick(3000)),
                             [this] { cluster_.begin_pipeline(); });
}

}  // namespace weir::sim
