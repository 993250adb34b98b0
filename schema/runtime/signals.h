// Signals as events: no handlers anywhere.
#pragma once

#include <functional>
#include <vector>

#include "schema/base/result.h"
#include "schema/base/unique_fd.h"
#include "schema/runtime/loop.h"

namespace weir::runtime {

// Ignores SIGPIPE for the whole process: a closed pipe is an EPIPE from write. Children get the
// default back from spawn(). Call early in main.
void ignore_sigpipe();

// Ignores a signal for the whole process (the terminal's SIGINT in broker, agent and wrapper).
void ignore_signal(int signal);

bool is_ignored(int signal);

// Keeps signals, those that are ignored aside, until a SignalWatch asks for them, so that none ends
// the process before there is something to clean up with. Thread: as for SignalWatch.
void block_signals(const std::vector<int>& signals);

// Blocks signals and reports them on the loop for as long as it lives. They stay blocked
// afterwards. Those that are ignored stay ignored. Thread: construct it before any other thread
// begins, because threads inherit the mask of their creator and a signal goes to any thread that
// has not blocked it.
class SignalWatch {
 public:
  using Callback = std::function<void(int signal)>;
  static Result<SignalWatch> create(Loop& loop, const std::vector<int>& signals, Callback callback);
  SignalWatch(SignalWatch&& other) noexcept;
  SignalWatch& operator=(SignalWatch&&) = delete;
  ~SignalWatch();

 private:
  SignalWatch(Loop& loop, UniqueFd fd, WatchId watch);

  Loop* loop_;
  UniqueFd fd_;
  WatchId watch_;
};

}  // namespace weir::runtime
