// The way from an endpoint as people write it to one that answers now: resolves a name to the
// addresses of both families, tries all of them at once, and gives the first that greets. To be
// done anew for each connection, because a name's addresses change. Loop thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "schema/base/result.h"
#include "schema/runtime/loop.h"
#include "schema/runtime/prober.h"
#include "schema/runtime/worker.h"

namespace weir::runtime {

class Dialer {
 public:
  using Done = Prober::Done;

  // Signals must be blocked already (see Worker).
  explicit Dialer(Loop& loop) : loop_(loop), prober_(std::make_unique<Prober>(loop)) {}

  // Calls `done` once, within `limit` and not from in here, with an endpoint whose host is a
  // number; unless dial() or stop() come before that. Errors as of Prober::ask(), and kNotFound
  // when the name cannot be resolved.
  void dial(const std::string& endpoint, std::chrono::milliseconds limit, Done done);
  void stop();
  bool is_dialing() const { return done_ != nullptr; }

 private:
  void resolve(const std::string& endpoint, SteadyTime until);
  void probe(const std::vector<std::string>& endpoints, SteadyTime until);
  void finish(Result<std::string> answer);

  Loop& loop_;
  std::unique_ptr<Prober> prober_;
  std::unique_ptr<Worker> resolver_;  // Made for the first name.
  uint64_t call_ = 0;                 // Answers to earlier ones are ignored.
  TimerId timer_{};                   // The name server's limit.
  Done done_;
};

}  // namespace weir::runtime
