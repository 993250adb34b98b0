// What is new in the broker's word on a pipeline: notes that were not told yet, failures, where the
// `-` node listens. Pure.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "schema/wire/control.h"

namespace weir::ctl {

class StatusWatch {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // A reason for not running is told when it has lasted for so long.
  static constexpr std::chrono::milliseconds kTroubleLasts{3000};

  struct NodeText {
    std::string node;  // Empty: the pipeline as a whole.
    std::string text;

    bool operator==(const NodeText&) const = default;
  };
  struct News {
    std::vector<NodeText> notes;
    std::vector<NodeText> exits;  // "exited with status 1", which was accepted.
    std::optional<NodeText> failure;
    std::string stdin_endpoint;  // Empty while it is not known.
    bool was_up = false;         // All nodes run, or ran: it is no longer starting.
    bool completed = false;
    bool all_ended = false;  // Each node has ended: there will be no more notes.
  };

  News on_status(const wire::PipelineStatus& status, Time now);

  // Of the nodes that have any.
  const std::map<std::string, uint64_t>& dead_letters() const { return dead_letters_; }
  const std::string& reason() const { return reason_; }

 private:
  struct Starts {
    uint64_t restarts = 0;  // Those of earlier runs on the same data are counted too.
    bool was_up = false;    // A wrapper of it was seen in this run.
  };

  void look_at(const wire::NodeStatus& node, const wire::InstanceReport& report, News& news);
  void look_at_notes(const std::string& node, const wire::InstanceStatus& status, News& news);
  void look_at_reason(const wire::PipelineStatus& status, Time now, News& news);

  std::map<std::pair<std::string, uint32_t>, uint64_t> exits_;
  // Of each instance: the notes that the broker keeps, and how often they were said.
  std::map<std::pair<std::string, uint32_t>, std::map<std::string, uint64_t>> seen_;
  std::map<std::string, Starts> starts_;
  std::map<std::string, uint64_t> dead_letters_;
  std::string reason_;
  Time reason_since_{};
  bool reason_told_ = false;
};

}  // namespace weir::ctl
