// The wrapper process: one object that owns the log, the node, its program, its sockets and the
// loop. What it decides is decided in core::Node; this class carries it out.
//
// Thread: the loop's (which is the one that calls run()), the log's writer aside.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "schema/runtime/loop.h"
#include "schema/runtime/process.h"
#include "schema/runtime/signals.h"
#include "schema/runtime/zmq_socket.h"
#include "schema/wire/control.h"
#include "schema/wire/order.h"
#include "schema/wire/wrapper_process.h"
#include "wrapper/core/node.h"
#include "wrapper/core/report.h"
#include "wrapper/shell/edges.h"
#include "wrapper/shell/program.h"
#include "wrapper/shell/rotating_file.h"
#include "wrapper/shell/wal_writer.h"

namespace weir::shell {

struct WrapperOptions {
  int lifeline_fd = -1;                  // Everything ends when its other end closes; -1: none.
  std::vector<int> keep_fds;             // Inherited, kept open, and handed to the guard.
  std::optional<mode_t> programs_umask;  // Nothing: as ours.
  int lock_fd = -1;      // The lock of the log, which the agent took for us; -1: we take it.
  std::string log_file;  // Where our stdout and stderr go; empty: not to a file.
  core::Reserves reserves;
  std::string memory_file = "/proc/meminfo";
};

class Wrapper : private core::Effects {
 public:
  Wrapper(wire::StartOrder order, WrapperOptions options);
  ~Wrapper() override;

  // Runs until told to stop. Returns the exit status; what is wrong is on stderr.
  int run();

 private:
  Status open();
  Status open_log();
  Status connect_agent();
  void on_turn_end();
  void look_at_room();
  void report(bool always);
  void on_agent_message();
  void answer_agent(const std::string& request, const wire::Message& answer);
  wire::Message answer_dead(const wire::DeadRead& question) const;
  void change_dead(const std::string& request, const wire::DeadChange& question);
  void shut_down(int exit_status);
  void finish();

  // core::Effects
  void to_writer(size_t input, const edge::Frame& frame) override;
  void to_reader(size_t reader, const edge::Frame& frame) override;
  bool block_to_reader(size_t reader, const wire::Block& block) override;
  void reconnect(size_t reader) override;
  void persist(wal::LogBatch batch, bool sync) override;
  void start_run(const core::RunOrder& order) override;
  void feed(const SharedBytes& bytes) override;
  void close_stdin() override;
  void close_stdout() override;
  void kill_run() override;
  void terminate_run() override;
  bool run_waits() override;
  size_t run_unread_bytes() override;
  uint64_t run_cpu_ticks() override;
  uint64_t unix_ms() override;
  void keep_output(const SharedBytes& bytes) override;
  void wake_at(core::SteadyTime when) override;
  void note(std::string text) override;
  void failed(std::string reason) override;
  void log_failed(const Error& error) override;
  void superseded(const Incarnation& by) override;

  wire::StartOrder order_;
  WrapperOptions options_;
  core::PressureGauge gauge_;
  uint64_t unlooked_bytes_ = 0;  // Written since the last look at what is left.
  runtime::Loop loop_;
  std::optional<runtime::FileLock> lock_;
  std::unique_ptr<wal::Log> log_;
  runtime::ZmqContext context_;
  std::optional<runtime::ZmqSocket> agent_;
  runtime::WatchId agent_watch_ = runtime::WatchId::kNone;
  std::unique_ptr<WalWriter> writer_;
  std::unique_ptr<Edges> edges_;
  std::unique_ptr<Program> program_;
  std::unique_ptr<core::Node> node_;
  std::optional<runtime::SignalWatch> signals_;
  Incarnation of_;
  core::ProcessFacts facts_;
  std::optional<RotatingFile> output_;  // Of a sink that nobody reads.
  std::optional<wire::InstanceStatus> reported_;
  runtime::SteadyTime reported_at_{};
  bool stopping_ = false;
  bool superseded_ = false;  // By a later boot: it goes, and begins again above that.
  int exit_status_ = wire::kExitAgain;
};

}  // namespace weir::shell
