#include "schema/runtime/dialer.h"

#include <algorithm>
#include <utility>

#include "schema/runtime/resolve.h"

namespace weir::runtime {

void Dialer::dial(const std::string& endpoint, std::chrono::milliseconds limit, Done done) {
  stop();
  done_ = std::move(done);
  const SteadyTime until = std::chrono::steady_clock::now() + limit;
  if (needs_resolving(endpoint)) {
    resolve(endpoint, until);
  } else {
    probe({endpoint}, until);
  }
}

void Dialer::stop() {
  ++call_;
  done_ = nullptr;
  loop_.cancel(timer_);
  prober_ = std::make_unique<Prober>(loop_);
}

void Dialer::resolve(const std::string& endpoint, SteadyTime until) {
  // One that hangs is left to itself.
  if (resolver_ == nullptr || !resolver_->idle()) resolver_ = std::make_unique<Worker>(loop_);
  const auto found = std::make_shared<Result<std::vector<std::string>>>(std::vector<std::string>());
  resolver_->submit(
      [endpoint, found]() -> Status {
        *found = runtime::resolve(endpoint);
        return {};
      },
      [this, call = call_, found, until](const Status&) {
        if (call != call_) return;
        loop_.cancel(timer_);
        if (!*found) return finish(found->error());
        probe(**found, until);
      });
  timer_ = loop_.after(until - std::chrono::steady_clock::now(), [this, endpoint] {
    ++call_;
    finish(Error{ErrorCode::kNotFound, "cannot resolve the name in " + endpoint +
                                           ": the name server does not answer in time"});
  });
}

void Dialer::probe(const std::vector<std::string>& endpoints, SteadyTime until) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      until - std::chrono::steady_clock::now());
  prober_->ask(endpoints, std::max(left, std::chrono::milliseconds(1)),
               [this](Result<std::string> answer) { finish(std::move(answer)); });
}

void Dialer::finish(Result<std::string> answer) {
  const Done done = std::exchange(done_, nullptr);
  if (done) done(std::move(answer));
}

}  // namespace weir::runtime
