#include "ctl/up/status_watch.h"

#include <algorithm>

namespace weir::ctl {

using wire::InstanceState;
using wire::PipelineState;

namespace {

// How the agent begins what it says of a wrapper that has ended.
constexpr std::string_view kEnded = "the wrapper ended: ";

}  // namespace

StatusWatch::News StatusWatch::on_status(const wire::PipelineStatus& status, Time now) {
  News news;
  news.completed = status.state == PipelineState::kCompleted;
  news.was_up = status.state == PipelineState::kRunning ||
                status.state == PipelineState::kDegraded || news.completed;
  news.all_ended = !status.nodes.empty();
  for (const KnownInstance& instance : instances_of(status)) look_at(instance, now, news);
  if (status.state == PipelineState::kFailed && !news.failure) {
    news.failure = NodeText{"", status.reason.empty() ? "failed" : status.reason};
  }
  look_at_reason(status, now, news);
  return news;
}

void StatusWatch::look_at(const KnownInstance& instance, Time now, News& news) {
  const wire::NodeStatus& node = *instance.node;
  const wire::InstanceStatus& status = instance.report->status;
  const std::string& label = instance.label;
  Instance& seen = instances_[{node.name, status.instance}];
  const bool waits = status.state == InstanceState::kRunning;
  look_at_trouble({label, waits ? status.last_error : ""}, seen, news);
  look_at_notes(label, status, seen, news);
  look_at_starts(label, status, now, seen, news);
  if (status.nonzero_exits > seen.nonzero_exits) {
    seen.nonzero_exits = status.nonzero_exits;
    news.exits.push_back(
        {node.name, {label, "exited with status " + std::to_string(status.last_nonzero_exit)}});
  }
  if (status.dead_letters > 0) seen.dead_letters = status.dead_letters;
  if (status.state != InstanceState::kEnded) news.all_ended = false;
  if (node.caller_stdin) news.stdin_endpoint = status.endpoint;
  if (status.state == InstanceState::kFailed && !news.failure) {
    news.failure = NodeText{label, status.last_error.empty() ? "failed" : status.last_error};
    news.failed_node = node.name;
  }
}

void StatusWatch::look_at_trouble(const NodeText& trouble, Instance& seen, News& news) {
  if (trouble.text == seen.trouble) return;
  seen.trouble = trouble.text;
  if (!trouble.text.empty()) news.troubles.push_back(trouble);
}

// What the broker does not keep any more is forgotten here as well: said anew it is told anew.
void StatusWatch::look_at_notes(const std::string& label, const wire::InstanceStatus& status,
                                Instance& seen, News& news) {
  std::map<std::string, uint64_t> kept;
  for (const wire::Note& note : status.notes) {
    const auto known = seen.notes.find(note.text);
    const bool is_new = known == seen.notes.end() || known->second < note.times;
    // What holds it up is told as that.
    if (is_new && note.text != seen.trouble) news.notes.push_back({label, wire::to_string(note)});
    kept[note.text] = note.times;
  }
  seen.notes = std::move(kept);
}

void StatusWatch::look_at_starts(const std::string& label, const wire::InstanceStatus& status,
                                 Time now, Instance& seen, News& news) {
  if (status.restarts > seen.restarts) {
    seen.restarts = status.restarts;
    const bool waits = status.state == InstanceState::kStarting;
    const std::string why = waits ? status.last_error : "";
    const bool just_told =
        seen.end_told_at && why == seen.end_told && now - *seen.end_told_at < kTellAgain;
    // The first start of a run that is gone on with is none that anybody should worry about.
    if (seen.was_up && !just_told) {
      seen.end_told = why;
      seen.end_told_at = now;
      const size_t from = why.starts_with(kEnded) ? kEnded.size() : 0;
      news.notes.push_back({label, "its wrapper ended" +
                                       (why.empty() ? "" : " (" + why.substr(from) + ")") +
                                       " and is started again"});
    }
  }
  seen.was_up = seen.was_up || status.pid != 0;
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
  const bool known = std::any_of(instances_.begin(), instances_.end(), [&](const auto& one) {
    const auto is_in_it = [this](const std::string& text) {
      return !text.empty() && reason_.find(text) != std::string::npos;
    };
    return is_in_it(one.second.trouble) || is_in_it(one.second.end_told);
  });
  if (!known) news.notes.push_back({"", reason_});
}

std::map<std::string, uint64_t> StatusWatch::dead_letters() const {
  std::map<std::string, uint64_t> all;
  for (const auto& [key, seen] : instances_) {
    if (seen.dead_letters > 0) all[key.first] += seen.dead_letters;
  }
  return all;
}

uint64_t StatusWatch::nonzero_exits() const {
  uint64_t all = 0;
  for (const auto& [key, seen] : instances_) all += seen.nonzero_exits;
  return all;
}

}  // namespace weir::ctl
