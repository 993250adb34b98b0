// A whole cluster in one thread, replayed from one seed: the broker, hosts with their agents,
// wrappers, logs and programs, a network, somebody with weirctl, and faults, under a virtual clock.
// The cores are the real ones; what their shells do in real time happens here when the seed wants
// it to.
//
//   Scheduler   the clock; Process: what can be killed, and stopped for a while
//   Network     which ways between places are open; EdgeLink and ControlLink are the connections
//   Host        a disk (orders, logs) and the processes on it: AgentProcess, WrapperProcess
//   BrokerProcess with its BrokerDisk; Operator asks it
//   Wishes      what somebody wants of the pipeline meanwhile
//   FaultMaker  breaks something now and then (faults.h)
//   Checker     what must hold at each moment, and at the end
//
// A run: the pipeline is put and run, things break for a while, then all that can be mended is, and
// it must come to its end: `completed`, after an `abandon` where a host is lost for ever.
#pragma once

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "test/sim/cluster/broker_process.h"
#include "test/sim/cluster/checker.h"
#include "test/sim/cluster/faults.h"
#include "test/sim/cluster/host.h"
#include "test/sim/cluster/network.h"
#include "test/sim/cluster/operator.h"
#include "test/sim/cluster/scheduler.h"
#include "test/sim/cluster/wishes.h"
#include "test/sim/runs.h"

namespace weir::sim {

inline const std::string kPipeline = "p";

struct ClusterPlan {
  std::vector<NodePlan> nodes;
  std::vector<std::pair<size_t, size_t>> edges;
  size_t hosts = 3;
  uint64_t log_limit_bytes = 1 << 20;
  milliseconds boot_wait{60'000};
  milliseconds faults_for{0};
  FaultPlan faults;
  // Copies of the broker's store may be older than the pipeline's placements; then somebody says
  // `run` again soon after such a one was put back.
  bool early_copies = false;
};

enum class Victim { kBroker, kAgent };

class Cluster : public RunContext {
 public:
  Cluster(uint64_t seed, ClusterPlan plan);
  ~Cluster() override;

  // False, with why() set, if it does not come to its end within a generous time, or a rule is
  // broken.
  bool run();

  const std::string& why() const { return why_; }
  const std::string& told() const { return trace_; }
  uint64_t faults_done() const { return faults_done_; }
  const ClusterPlan& plan() const { return plan_; }

  // ---- for its parts
  Scheduler& scheduler() { return scheduler_; }
  Network& network() { return network_; }
  Checker& checker() { return checker_; }
  Duration delay();
  uint64_t unix_ms();
  std::string new_name(const std::string& kind) { return kind + std::to_string(++names_); }
  int64_t new_pid() { return pids_ += 2; }

  size_t broker_place() const { return plan_.hosts; }
  size_t operator_place() const { return plan_.hosts; }
  BrokerProcess* broker() { return broker_.get(); }
  std::vector<std::unique_ptr<Host>>& hosts() { return hosts_; }
  WrapperProcess* process(int64_t pid);
  void listen(const std::string& endpoint, int64_t pid);
  void hang_up(const std::string& endpoint, int64_t pid);
  WrapperProcess* listening(const std::string& endpoint);

  const NodePlan& node_plan(const std::string& pipeline, const std::string& node) const;
  NodePast& node_past(const std::string& pipeline, const std::string& node);

  void log_opened(const WrapperProcess& process);
  // From now on records may be seen again (R4).
  void logs_lost(const std::string& why);
  bool is_chain() const;
  bool ended_early() const { return ended_early_; }
  graph::PipelineSpec spec() const;

  // Wishes.
  Operator& weirctl() { return *operator_; }
  Wishes& wishes() { return wishes_; }
  void note_early_end() {
    ended_early_ = true;
    checker_.ended_early();
  }
  void note_removed();
  // Put and run; what it has forgotten is said once more.
  void begin_pipeline();

  // FaultMaker.
  bool dies_now(Victim victim);
  void kill_broker();
  void start_broker();
  BrokerDisk& broker_disk() { return broker_disk_; }
  void count_fault(const std::string& what);

  // RunContext
  uint64_t pick(uint64_t below) override { return below == 0 ? 0 : random_() % below; }
  core::SteadyTime now() const override { return scheduler_.now(); }
  void trace(const std::string& line) override;
  void fail(std::string why) override;
  bool programs_go_wrong() const override { return !healed_; }
  bool poison_is_cured() const override { return false; }
  bool outages_are_over() const override { return true; }
  bool logs_were_lost() const override { return logs_lost_; }

 private:
  void want(wire::Message wish);
  void heal();
  void watch_end();
  void take_status(const wire::PipelineStatus& status);
  bool is_worth_a_copy(const broker::State& state) const;
  bool all_connected() const;
  bool all_down() const;
  std::string describe_state();

  std::mt19937_64 random_;
  ClusterPlan plan_;
  Scheduler scheduler_;
  Network network_;
  Checker checker_;
  std::map<std::pair<std::string, std::string>, NodePast> pasts_;
  std::map<std::string, int64_t> listening_;     // By endpoint.
  std::map<std::string, std::string> last_log_;  // By lane: the folder that was opened last.
  BrokerDisk broker_disk_;
  std::unique_ptr<BrokerProcess> broker_;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::unique_ptr<Operator> operator_;
  Wishes wishes_;
  FaultMaker faults_;
  bool tracing_;
  uint64_t names_ = 0;
  int64_t pids_ = 1000;
  bool healed_ = false;
  bool logs_lost_ = false;
  bool ended_early_ = false;
  bool completed_ = false;
  std::string why_;
  std::string trace_;
  wire::PipelineStatus status_;
  uint64_t faults_done_ = 0;
};

}  // namespace weir::sim
