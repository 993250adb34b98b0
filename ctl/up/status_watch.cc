#include "ctl/up/status_watch.h"

#include <algorithm>

namespace weir::ctl {

using wire::InstanceState;
using wire::PipelineState;

StatusWatch::News StatusWatch::on_status(const wire::PipelineStatus& status, Time now) {
  News news;
  news.completed = status.state == PipelineState::kCompleted;
  news.was_up = status.state == PipelineState::kRunning ||
                status.state == PipelineState::kDegraded || news.completed;
  news.all_ended = !status.nodes.empty();
  for (const wire::NodeStatus& node : status.nodes) {
    for (const wire::InstanceReport& report : node.instances) look_at(node, report, news);
  }
  if (status.state == PipelineState::kFailed && !news.failure) {
    news.failure = NodeText{"", status.reason.empty() ? "failed" : status.reason};
  }
  look_at_reason(status, now, news);
  return news;
}

void StatusWatch::look_at(const wire::NodeStatus& node, const wire::InstanceReport& report,
                          News& news) {
  const wire::InstanceStatus& status = report.status;
  std::set<std::string>& told = told_[node.name];
  for (const std::string& note : status.notes) {
    if (told.size() < kToldMax && told.insert(note).second) news.notes.push_back({node.name, note});
  }
  Starts& starts = starts_[node.name];
  if (status.restarts > starts.restarts) {
    starts.restarts = status.restarts;
    // The first start of a run that is gone on with is none that anybody should worry about.
    if (starts.was_up) {
      news.notes.push_back({node.name, "its wrapper ended and is started again"});
    }
  }
  starts.was_up = starts.was_up || status.pid != 0;
  if (status.dead_letters > 0) dead_letters_[node.name] = status.dead_letters;
  if (status.state != InstanceState::kEnded) news.all_ended = false;
  if (node.caller_stdin) news.stdin_endpoint = status.endpoint;
  if (status.state == InstanceState::kFailed && !news.failure) {
    news.failure = NodeText{node.name, status.last_error.empty() ? "failed" : status.last_error};
  }
}

void StatusWatch::look_at_reason(const wire::PipelineStatus& status, Time now, News& news) {
  if (status.reason != reason_) {
    reason_ = status.reason;
    reason_since_ = now;
    reason_told_ = false;
  }
  const bool waits =
      status.state == PipelineState::kStarting || status.state == PipelineState::kDegraded;
  if (reason_.empty() || reason_told_ || !waits || now - reason_since_ < kTroubleLasts) return;
  reason_told_ = true;
  if (told_[""].size() < kToldMax && told_[""].insert(reason_).second) {
    news.notes.push_back({"", reason_});
  }
}

}  // namespace weir::ctl
