// A wrapper as a process of the simulated cluster: the real node with its log, programs and edges,
// under an agent. What it does with them is as in wrapper/shell/wrapper.cc; the logic is the
// core's.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "schema/edge/listener.h"
#include "schema/wire/control.h"
#include "schema/wire/wrapper_process.h"
#include "test/sim/cluster/edge_link.h"
#include "test/sim/cluster/host.h"
#include "test/sim/cluster/scheduler.h"
#include "test/sim/runs.h"
#include "wrapper/core/pressure.h"
#include "wrapper/core/reader_endpoints.h"
#include "wrapper/core/report.h"

namespace weir::sim {

class Cluster;

class WrapperProcess : public Process, private core::Effects {
 public:
  WrapperProcess(Cluster& cluster, Host& host, wire::StartOrder order, int64_t pid);
  ~WrapperProcess() override;

  // Opens its log and begins, or ends at once.
  void begin();
  // It is killed, or its host is: nothing more comes from it.
  void die(bool power_cut);

  void from_agent(const wire::Envelope& envelope);

  // As a reader of lanes.
  void accept(const std::string& route, std::weak_ptr<EdgeLink> link);
  void forget_route(const std::string& route) { routes_.erase(route); }
  void on_lane_message(const std::string& route, const EdgeMessage& message);
  // As a writer.
  void on_reader_frame(size_t reader, const edge::Frame& frame);

  // Its connections break; those that were made to it too.
  void break_some_link();
  void kill_program(bool guard);
  bool runs_program() const { return runs_.running(); }

  int64_t pid() const { return pid_; }
  size_t place() const;
  Host& host() { return host_; }
  const wire::StartOrder& order() const { return order_; }
  wire::InstanceKey key() const { return wire::key_of(order_); }
  bool up() const { return node_ != nullptr && !ending_; }
  const core::Node* node() const { return node_.get(); }
  std::string name() const;

 private:
  void wake(Duration delay);
  void pulse();
  void write_some();
  void report(bool always);
  void tell_agent(wire::Message message);
  void pass_to_agent();
  void look_at_room();
  void end(int status);
  void set_readers(const std::vector<wire::ReaderOrder>& readers);
  void connect(size_t reader);
  void note_published();
  void check_bounds();
  SteadyTime clock() const;

  // core::Effects
  void to_writer(size_t input, const edge::Frame& frame) override;
  void to_reader(size_t reader, const edge::Frame& frame) override;
  bool block_to_reader(size_t reader, const wire::Block& block) override;
  void reconnect(size_t reader) override;
  void persist(wal::LogBatch batch, bool sync) override;
  void start_run(const core::RunOrder& order) override { runs_.start(order); }
  void feed(const SharedBytes& bytes) override { runs_.feed(bytes); }
  void close_stdin() override { runs_.close_stdin(); }
  void close_stdout() override { runs_.close_stdout(); }
  void kill_run() override { runs_.kill(); }
  void terminate_run() override { runs_.terminate(); }
  uint64_t run_cpu_ticks() override { return runs_.cpu_ticks(); }
  void keep_output(const SharedBytes& /*bytes*/) override {}
  void wake_at(core::SteadyTime when) override;
  void note(std::string text) override;
  void failed(std::string reason) override;
  void superseded(const Incarnation& by) override;

  Cluster& cluster_;
  Host& host_;
  wire::StartOrder order_;
  const int64_t pid_;
  HostLog& stored_;
  Incarnation of_;
  core::ProcessFacts facts_;
  std::optional<wire::InstanceStatus> reported_;
  SteadyTime reported_at_{};
  SteadyTime report_at_{};
  Runs runs_;
  std::unique_ptr<core::Node> node_;
  std::optional<edge::Listener> listener_;
  std::optional<core::ReaderEndpoints> endpoints_;
  core::PressureGauge gauge_;
  std::vector<std::shared_ptr<EdgeLink>> links_;           // By reader.
  std::map<std::string, std::weak_ptr<EdgeLink>> routes_;  // Of writers that connected.
  RecordId next_noted_;                                    // Source: not noted as accepted yet.
  std::deque<wire::Envelope> to_agent_;
  bool telling_ = false;
  SteadyTime pulse_at_ = SteadyTime::max();
  uint64_t pulse_number_ = 0;
  bool stirred_ = false;  // Something came since the last pulse.
  bool ending_ = false;
};

}  // namespace weir::sim
