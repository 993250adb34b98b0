// A server of the simulated cluster: its disk, the processes on it, and what holds what.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "agent/core/wrapper_life.h"
#include "schema/wire/control.h"
#include "test/sim/cluster/scheduler.h"
#include "test/sim/log_disk.h"

namespace weir::sim {

class AgentProcess;
class Cluster;
class WrapperProcess;

// The folder of one log.
struct HostLog {
  LogDisk disk;
  uint64_t kept_boot = 0;
  std::string remote_endpoint;  // Of the port that its wrapper had.
  int64_t locked_by = 0;        // 0: free.
  // Source: the records that it has accepted, and up to which they are settled.
  std::map<RecordId, uint64_t> accepted;
  RecordId settled;
  bool portable = false;  // What is not settled can be written again elsewhere.
};

// How much is left of a disk: see wrapper/core/pressure.h. kFull: writes fail.
enum class DiskState { kFine, kLow, kOut, kFull };
inline constexpr uint64_t kDiskReserve = 1 << 20;

struct StoredOrder {
  wire::StartOrder order;
  agent::Starts starts;
};

class Host {
 public:
  Host(Cluster& cluster, size_t place);
  ~Host();

  const std::string& name() const { return name_; }
  size_t place() const { return place_; }
  // Its clock since the boot; another host's shows another time.
  SteadyTime clock() const;

  bool on() const { return on_; }
  bool gone() const { return gone_; }
  void boot();
  void cut_power();
  // It never comes back, and nor does what is on its disk.
  void lose_for_ever();
  // A new server of this name, with an empty disk.
  void replace();
  // All that runs here stands still.
  void stop_until(SteadyTime when);
  void go_on();

  void start_agent();
  void kill_agent();
  AgentProcess* agent() { return agent_.get(); }

  // Processes.
  int64_t spawn(const wire::StartOrder& order);
  WrapperProcess* process(int64_t pid);
  // Ends, and is no more when this event is over. `status`: none by a signal.
  void process_ended(int64_t pid, std::optional<int> status, bool power_cut = false);
  const std::map<int64_t, std::unique_ptr<WrapperProcess>>& processes() const { return processes_; }

  // The disk.
  std::map<wire::InstanceKey, StoredOrder> orders;
  std::map<std::string, std::unique_ptr<HostLog>> logs;  // By folder.
  std::string identity;
  uint64_t noted_boot = 0;
  uint64_t boots = 0;
  DiskState disk = DiskState::kFine;
  bool disk_slow = false;

  HostLog& log(const std::string& folder);
  // kConflict while somebody has its log.
  Status erase(const wire::InstanceKey& key);

 private:
  void end_all(bool power_cut);

  Cluster& cluster_;
  size_t place_;
  std::string name_;
  bool on_ = false;
  bool gone_ = false;
  Duration clock_offset_{};
  std::unique_ptr<AgentProcess> agent_;
  std::map<int64_t, std::unique_ptr<WrapperProcess>> processes_;
};

}  // namespace weir::sim
