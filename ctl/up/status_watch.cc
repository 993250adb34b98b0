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
  look_at_notes(node.name, report.status, news);
  if (uint64_t& seen = exits_[{node.name, status.instance}]; status.nonzero_exits > seen) {
    seen = status.nonzero_exits;
    news.exits.push_back(
        {node.name, "exited with status " + std::to_string(status.last_nonzero_exit)});
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

// What the broker does not keep any more is forgotten here as well: said anew it is told anew.
void StatusWatch::look_at_notes(const std::string& node, const wire::InstanceStatus& status,
                                News& news) {
  std::map<std::string, uint64_t> seen;
  const std::map<std::string, uint64_t>& before = seen_[{node, status.instance}];
  for (const wire::Note& note : status.notes) {
    const auto known = before.find(note.text);
    if (known == before.end() || known->second < note.times) {
      news.notes.push_back({node, wire::to_string(note)});
    }
    seen[note.text] = note.times;
  }
  seen_[{node, status.instance}] = std::move(seen);
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
  news.notes.push_back({"", reason_});
}

}  // namespace weir::ctl
