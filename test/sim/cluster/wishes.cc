#include "test/sim/cluster/wishes.h"

#include <utility>

#include "test/sim/cluster/cluster.h"

namespace weir::sim {
namespace {

constexpr milliseconds kLookEvery{300};

bool is_stopped(const wire::Message& answer) {
  const auto* status = std::get_if<wire::PipelineStatus>(&answer);
  return status != nullptr && status->state == wire::PipelineState::kStopped;
}

bool is_not_found(const wire::Message& answer) {
  const auto* refusal = std::get_if<wire::Refusal>(&answer);
  return refusal != nullptr && refusal->code == ErrorCode::kNotFound;
}

}  // namespace

void Wishes::stop_and_run() {
  if (std::exchange(busy_, true)) return;
  cluster_.count_fault("it is stopped");
  say(wire::PipelineStop{kPipeline, false}, [this] {
    if (cluster_.pick(2) == 0) return wait_until(is_stopped, [this] { run(); });
    // In the middle of it.
    cluster_.scheduler().after(milliseconds(cluster_.pick(2000)), [this] { run(); });
  });
}

void Wishes::end_early() {
  if (busy_ || cluster_.ended_early()) return;
  busy_ = true;
  cluster_.count_fault("it is ended before its time");
  cluster_.note_early_end();
  say(wire::PipelineStop{kPipeline, true}, [this] { busy_ = false; });
}

void Wishes::remove_and_begin_anew() {
  // A new one would have to be ended again.
  if (busy_ || cluster_.ended_early()) return;
  busy_ = true;
  cluster_.count_fault("it is removed");
  say(wire::PipelineStop{kPipeline, false}, [this] {
    wait_until(is_stopped, [this] {
      say(wire::PipelineRemove{kPipeline, true}, [this] {
        wait_until(is_not_found, [this] {
          cluster_.note_removed();
          say(wire::PipelinePut{cluster_.spec()}, [this] { run(); });
        });
      });
    });
  });
}

void Wishes::run() {
  say(wire::PipelineRun{kPipeline, std::nullopt, {}}, [this] { busy_ = false; });
}

void Wishes::say(wire::Message wish, std::function<void()> then) {
  cluster_.weirctl().ask(std::move(wish), [this, then = std::move(then)](const auto& answer) {
    if (const auto* refusal = std::get_if<wire::Refusal>(&answer)) {
      return cluster_.fail("weirctl is refused: " + refusal->what);
    }
    then();
  });
}

void Wishes::wait_until(Seen seen, std::function<void()> then) {
  cluster_.weirctl().ask(
      wire::PipelineStatusRequest{kPipeline},
      [this, seen = std::move(seen), then = std::move(then)](const auto& answer) mutable {
        if (seen(answer)) return then();
        cluster_.scheduler().after(
            kLookEvery, [this, seen = std::move(seen), then = std::move(then)]() mutable {
              wait_until(std::move(seen), std::move(then));
            });
      });
}

}  // namespace weir::sim
