// What is new in the broker's word on a pipeline: notes that were not told yet, what holds it up,
// failures, where the `-` node listens. Pure.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ctl/output/instances.h"
#include "schema/wire/control.h"

namespace weir::ctl {

class StatusWatch {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // A reason for not running is told when it has lasted for so long.
  static constexpr std::chrono::milliseconds kTroubleLasts{3000};
  // A wrapper that ends again for the same reason is told after so long.
  static constexpr std::chrono::milliseconds kTellAgain{10'000};

  struct NodeText {
    std::string who;  // Empty: the pipeline as a whole. Else the label of an instance.
    std::string text;

    bool operator==(const NodeText&) const = default;
  };
  struct Exit {
    std::string node;  // Its name.
    NodeText told;     // "exited with status 1"

    bool operator==(const Exit&) const = default;
  };
  struct News {
    std::vector<NodeText> notes;
    std::vector<Exit> exits;         // With statuses that were accepted.
    std::vector<NodeText> troubles;  // It waits for something, and somebody has to help.
    std::optional<NodeText> failure;
    std::string failed_node;     // Its name.
    std::string stdin_endpoint;  // Empty while it is not known.
    bool was_up = false;         // All nodes run, or ran: it is no longer starting.
    bool completed = false;
    bool all_ended = false;  // Each node has ended: there will be no more notes.
  };

  News on_status(const wire::PipelineStatus& status, Time now);

  // Of the nodes that have any.
  std::map<std::string, uint64_t> dead_letters() const;
  // How many runs have ended with another status than 0 that was accepted.
  uint64_t nonzero_exits() const;
  const std::string& reason() const { return reason_; }

 private:
  // What was seen and told of one instance.
  struct Instance {
    std::map<std::string, uint64_t>
        notes;  // Those that the broker keeps: how often they were said.
    uint64_t nonzero_exits = 0;
    uint64_t dead_letters = 0;
    uint64_t restarts = 0;  // Those of earlier runs on the same data are counted too.
    bool was_up = false;    // A wrapper of it was seen in this run.
    std::string trouble;
    std::string end_told;  // Why a wrapper ended, and when that was told.
    std::optional<Time> end_told_at;
  };

  void look_at(const KnownInstance& instance, Time now, News& news);
  static void look_at_trouble(const NodeText& trouble, Instance& seen, News& news);
  static void look_at_notes(const std::string& label, const wire::InstanceStatus& status,
                            Instance& seen, News& news);
  static void look_at_starts(const std::string& label, const wire::InstanceStatus& status, Time now,
                             Instance& seen, News& news);
  void look_at_reason(const wire::PipelineStatus& status, Time now, News& news);

  std::map<std::pair<std::string, uint32_t>, Instance> instances_;
  std::string reason_;
  Time reason_since_{};
  bool reason_told_ = false;
};

}  // namespace weir::ctl
