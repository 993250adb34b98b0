// The processes that weirctl starts: one broker and the agents. Starts dead ones again, reaps what
// it inherits, and stops them all.
//
// Everything here hangs on one pipe, the lifeline: weirctl alone holds its write end, so whatever
// ends weirctl ends them (design 8).
//
// Owns the processes and the lifeline. Thread: loop. The processes do not survive a crash.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ctl/up/data_folder.h"
#include "ctl/up/restart_pace.h"
#include "schema/runtime/loop.h"
#include "schema/runtime/process.h"

namespace weir::ctl {

struct DaemonsConfig {
  const DataFolder* folder = nullptr;  // Outlives the cluster.
  std::vector<std::string> agents;
  std::string log_level;
  uint64_t disk_reserve_bytes = 1;  // What wrappers keep free of the logs' disk.
};

class Daemons {
 public:
  struct Events {
    std::function<void(const std::string&)> on_note;  // Something died and is started again.
    std::function<void(const Error&)> on_hopeless;    // It dies again and again.
    // After stop(): all processes are gone; false if some could not even be killed.
    std::function<void(bool)> on_gone;
  };
  Daemons(runtime::Loop& loop, DaemonsConfig config, Events events);
  ~Daemons();

  std::string broker_endpoint() const;
  // Errors: kNotFound (a program of weir is missing), kIo.
  Status start();
  // Closes the lifeline, waits for all to go, kills those that do not.
  void stop();
  // The last resort: kills everything now.
  void kill_all() const;

 private:
  static constexpr std::chrono::milliseconds kReapInterval{200};
  static constexpr std::chrono::milliseconds kStopLook{10};
  static constexpr std::chrono::milliseconds kStopWait{20'000};  // Then they are killed ...
  static constexpr std::chrono::milliseconds kKillWait{5'000};   // ... and waited for once more.

  struct Process {
    std::string name;
    std::string program;
    std::vector<std::string> args;
    std::string log_file;
    uint64_t log_from = 0;  // What it writes begins there.
    std::string told;       // How it ended last.
    runtime::SteadyTime started_at{};
    std::optional<runtime::Child> child;
    runtime::WatchId watch = runtime::WatchId::kNone;
    RestartPace pace;
  };

  Status add_broker();
  Status add_agent(size_t index);
  Status launch(Process& process);
  void on_end(Process& process);
  void look_if_gone();
  bool is_alone();
  bool is_foreign(pid_t child) const;

  runtime::Loop& loop_;
  DaemonsConfig config_;
  Events events_;
  UniqueFd lifeline_read_;
  UniqueFd lifeline_write_;
  std::vector<std::unique_ptr<Process>> processes_;
  std::vector<runtime::TimerId> timers_;
  // Children that we had before we began (of a shell that became weirctl by exec).
  std::vector<pid_t> foreign_;
  int alone_looks_ = 0;
  bool stopping_ = false;
  bool killed_ = false;
  runtime::SteadyTime stop_at_{};
};

// The end of a log file, for people to read: at most `lines` lines of what comes after `from`.
std::string last_lines(const std::string& path, uint64_t from, size_t lines);

}  // namespace weir::ctl
