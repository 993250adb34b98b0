// What all runners share that run a program of the user's, and of those what all sources share.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "wrapper/core/runner.h"
#include "wrapper/core/unit_run.h"

namespace weir::core {

class ProgramRunner : public Runner {
 public:
  void on_fed(size_t bytes) override { run_.on_fed(bytes); }
  void on_stdin_broken() override { run_.on_stdin_broken(); }
  void on_rewound(size_t, const Position&) override {}
  void on_meeting(size_t) override {}
  bool ended() const override { return run_.ended(); }
  bool holds() const override { return false; }

 protected:
  ProgramRunner(Node& node, const LogState& state)
      : node_(node), inputs_(node.inputs_for_runner()), run_(node, state) {}

  // The runner has taken the end of each lane.
  bool all_taken() const;
  // Of drained lanes (R5) whose end is taken, while others go on: commits that they have ended, so
  // that their writers may go. Other lanes may begin anew on another host (decision 6): their ends
  // are committed with the node's own. `is_under_way`: of an input, whether something that was
  // taken of it is not committed.
  void commit_drained_lanes(const std::function<bool(size_t input)>& is_under_way);
  // True if an input was ever consumed: only work that is done moves a frontier.
  bool consumed_before() const;
  // A record over the limit is never taken, whole or not. `setting`: what needs records whole. True
  // if the node has failed for it.
  bool fail_if_oversized(const std::string& setting);

  Node& node_;
  std::vector<Input>& inputs_;
  UnitRun run_;
  bool enough_ = false;  // All readers want no more (R8).
};

// A source that says itself where one record or message ends, and another begins: it goes on where
// the run before it came to.
class SourceRunner : public ProgramRunner {
 public:
  void on_run_end(const RunEnd& end) override;
  void on_enough() override;
  // What it had written stays; a record that it had only begun does not (R8).
  void on_end_wanted() override;

 protected:
  using ProgramRunner::ProgramRunner;

  // Publishes what is whole, drops what is not.
  virtual void flush() = 0;
  // What the program left undone, such as " in the middle of a frame"; empty: nothing.
  virtual std::string unfinished() const = 0;
  UnitId unit() const;
  void finish();
  // Call before the first thing that a run writes is published.
  void remember_position() { position_at_start_ = node_.commit_state().position; }

 private:
  bool end_wanted_ = false;
  SourcePosition position_at_start_;
};

}  // namespace weir::core
