// Asks whether anybody lives at an endpoint: connects, and waits for the first byte. libzmq greets
// whoever connects; a process that is stopped or gone does not, although the kernel may accept for
// it. Loop thread.
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include "schema/base/result.h"
#include "schema/base/unique_fd.h"
#include "schema/runtime/loop.h"

namespace weir::runtime {

class Prober {
 public:
  using Done = std::function<void(Result<std::string> endpoint)>;

  explicit Prober(Loop& loop) : loop_(loop) {}
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;
  ~Prober();  // What is under way is not answered any more.

  // Calls `done` once, and never from in here, with the endpoint that greets first of these
  // ("tcp://HOST:PORT" with a number for HOST, "ipc://PATH"). Errors say why of each, and their
  // code says it of those that came closest:
  //   kTimeout      connected, or tried to until `limit`; nothing was heard
  //   kUnavailable  refused at once: nobody listens there
  //   kIo, kInvalid cannot be tried: no permission, no route, no such kind of endpoint
  void ask(const std::vector<std::string>& endpoints, std::chrono::milliseconds limit, Done done);

 private:
  struct Call {
    std::string endpoint;
    UniqueFd fd;
    WatchId watch{};
  };
  struct Question {
    std::list<Call> calls;
    std::optional<Error> failure;  // Of those that are over.
    TimerId timer{};
    Done done;
  };
  using At = std::list<Question>::iterator;

  static void note(Question& question, Error failure);
  void on_ready(At question, std::list<Call>::iterator call);
  void hang_up(At question, std::list<Call>::iterator call);
  void give_up(At question);
  void answer(At question, Result<std::string> answer);

  Loop& loop_;
  std::list<Question> questions_;
};

}  // namespace weir::runtime
