// Asks whether anybody lives at an endpoint: connects, and waits for the first byte. libzmq greets
// whoever connects; a process that is stopped or gone does not, although the kernel may accept for
// it. Loop thread.
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <string>
#include <vector>

#include "schema/base/unique_fd.h"
#include "schema/runtime/loop.h"

namespace weir::broker {

class Prober {
 public:
  static constexpr std::chrono::milliseconds kPatience{900};

  explicit Prober(runtime::Loop& loop) : loop_(loop) {}
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;
  ~Prober();

  // Calls `done` once: true as soon as one of them ("tcp://HOST:PORT" with a number for HOST,
  // "ipc://PATH") greets, false when none did in time.
  void ask(const std::vector<std::string>& endpoints, std::function<void(bool)> done);

 private:
  struct Call {
    UniqueFd fd;
    runtime::WatchId watch{};
  };
  struct Question {
    std::list<Call> calls;
    runtime::TimerId timer{};
    std::function<void(bool)> done;
  };
  using At = std::list<Question>::iterator;

  void on_ready(At question, std::list<Call>::iterator call);
  void hang_up(At question, std::list<Call>::iterator call);
  void answer(At question, bool answered);

  runtime::Loop& loop_;
  std::list<Question> questions_;
};

}  // namespace weir::broker
