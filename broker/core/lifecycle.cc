#include "broker/core/lifecycle.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "broker/core/status.h"

namespace weir::broker {
namespace {

using wire::PipelineState;

std::string_view event_of(PipelineState state) {
  switch (state) {
    case PipelineState::kRunning:
      return "pipeline.running";
    case PipelineState::kDegraded:
      return "pipeline.degraded";
    case PipelineState::kStopped:
      return "pipeline.stopped";
    case PipelineState::kCompleted:
      return "pipeline.completed";
    case PipelineState::kFailed:
      return "pipeline.failed";
    case PipelineState::kStored:
    case PipelineState::kStarting:
    case PipelineState::kStopping:
      return {};  // Somebody asked for it, and that was an event.
  }
  return {};
}

}  // namespace

void Lifecycle::note_progress(Pipeline& pipeline) {
  PipelineRecord& record = pipeline.record;
  const Progress now = progress(state_, pipeline);
  const bool running = record.was_running || now.all_up;
  if (!now.all_settled) {
    pipeline.settled_since.reset();
  } else if (!pipeline.settled_since) {
    pipeline.settled_since = step_.now;
  }
  if (now.all_settled) step_.changes.at_tick.insert(pipeline.spec().name);
  // The others have a moment to report the last notes and figures; then all are taken down.
  const bool completed =
      now.all_settled && (now.all_ended || step_.now - *pipeline.settled_since >= kEndGrace);
  if (running == record.was_running && !completed) return;
  record.was_running = running;
  record.completed = completed;
  if (record.completed) {
    for (uint32_t instance = 0; instance < pipeline.instances(); ++instance) {
      const auto last = state_.figures.find(pipeline.key(instance));
      if (last != state_.figures.end()) record.figures.push_back(last->second);
    }
  }
  step_.store(pipeline);
}

void Lifecycle::note_state(Pipeline& pipeline) {
  const wire::PipelineStatus status = make_status(state_, pipeline);
  if (pipeline.last_event == status.state) return;
  const bool known = pipeline.last_event.has_value();
  if (status.state == PipelineState::kDegraded && step_.now - step_.started < kAgentSilence) {
    step_.changes.at_tick.insert(status.name);
    return;
  }
  pipeline.last_event = status.state;
  const std::string_view kind = event_of(status.state);
  // What a broker finds when it starts is no news.
  if (!known || kind.empty()) return;
  step_.add_event(std::string(kind), status.name, "", "", status.reason);
}

}  // namespace weir::broker
