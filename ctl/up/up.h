// `weirctl up`: one pipeline on a cluster of its own, in the foreground (design 8, docs/up.md).
//
//   Starting --put, run--> Running --all sinks ended--> Ending --last notes--> Stopping --> gone
//                             |-----stdout closed------'                        ^
//                             '-----failure, signal-----------------------------'
//
// Up is the owner object: the loop, the sockets, the processes. Thread: the one that calls run().
// What survives a crash is in the DataFolder.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ctl/client/control_client.h"
#include "ctl/logs/log_files.h"
#include "ctl/output/console.h"
#include "ctl/up/daemons.h"
#include "ctl/up/data_folder.h"
#include "ctl/up/sinks.h"
#include "ctl/up/status_watch.h"
#include "ctl/up/stdin_feed.h"
#include "schema/base/log_share.h"
#include "schema/runtime/loop.h"
#include "schema/runtime/signals.h"
#include "schema/runtime/zmq_socket.h"

namespace weir::ctl {

struct UpOptions {
  graph::PipelineSpec spec;  // With the paths of its programs.
  std::string data_dir;      // Empty: a temporary one.
  std::string output_dir;    // Empty: stdout.
  uint32_t agents = 0;
  uint64_t log_limit_bytes = 0;  // 0: by the room on the disk.
  std::string log_level = "info";
  bool quiet = false;
  bool strict = false;             // What was accepted, and dead letters, make exit code 1.
  bool stdin_is_pipeline = false;  // The pipeline file came from there.
  // The words of the command that would go on with this run, after "weirctl up --data DIR".
  std::vector<std::string> words;
};

// Runs it. Returns the exit code; what is wrong is on stderr.
int run_up(UpOptions options);

class Up {
 public:
  Up(UpOptions options, DataFolder folder);

  int run();

 private:
  static constexpr std::chrono::milliseconds kPollFast{20};
  static constexpr std::chrono::milliseconds kPollSlow{100};
  static constexpr std::chrono::milliseconds kRequestWait{30'000};
  static constexpr std::chrono::milliseconds kStatusWait{5'000};
  static constexpr std::chrono::milliseconds kBrokerSilenceMax{60'000};
  static constexpr std::chrono::milliseconds kStartWait{120'000};
  static constexpr std::chrono::milliseconds kReportsWait{1'500};
  static constexpr std::chrono::milliseconds kClosedWait{10'000};
  static constexpr std::chrono::milliseconds kConsoleWait{5'000};

  enum class Phase { kStarting, kRunning, kEnding, kStopping };

  Status start();
  Status share_room();
  Status open_sinks();
  Status open_stdin();
  void start_timers();
  void put();
  void run_pipeline();
  void poll_soon();
  bool accepts_as_a_shell(const std::string& node) const;
  void poll();
  void on_status(const wire::PipelineStatus& status);
  void on_signal(int signal);
  void on_turn_end();
  void look_at_time();
  void show_progress();
  bool poll_stderr();
  void show_stderr(const std::string& who, std::string_view line);

  // Of an instance, by its label, or of the run as a whole: "". The first says it unless --quiet.
  void note(const std::string& who, const std::string& text);
  void say(const std::string& who, const std::string& text);
  void fail(const Error& error);
  void end_soon(std::chrono::milliseconds limit);
  void end_complete();
  int strict_code();
  void look_at_stdin();
  void finish(int code);
  int close();
  void say_what_is_left(bool keep);
  std::string resume_command() const;
  std::string on_this_data(const std::string& command) const;
  size_t programs() const;

  UpOptions options_;
  DataFolder folder_;
  RunRoom room_;
  runtime::Loop loop_;
  std::optional<runtime::SignalWatch> signals_;  // Before anything that starts a thread.
  runtime::ZmqContext context_;
  Console console_;
  std::unique_ptr<Sinks> sinks_;
  std::unique_ptr<StdinFeed> stdin_;
  std::unique_ptr<Daemons> daemons_;
  std::unique_ptr<ControlClient> control_;
  std::unique_ptr<LogFiles> stderr_;
  StatusWatch watch_;
  std::string failed_node_;
  Phase phase_ = Phase::kStarting;
  runtime::SteadyTime started_at_{};
  runtime::SteadyTime heard_at_{};  // From the broker.
  runtime::SteadyTime ending_until_{};
  runtime::SteadyTime wrote_at_{};
  int exit_code_ = 0;
  bool complete_ = false;        // All that there is to do is done.
  bool all_told_ = false;        // How each node has ended is known.
  bool looks_at_stdin_ = false;  // Nothing reads it: somebody may not know that.
  bool stdout_is_terminal_ = false;
  bool all_gone_ = true;    // No process is left of what was started.
  bool has_begun_ = false;  // Something was started: there may be something to go on with.
};

}  // namespace weir::ctl
