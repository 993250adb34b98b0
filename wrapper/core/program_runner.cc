#include "wrapper/core/program_runner.h"

#include <algorithm>

namespace weir::core {

bool ProgramRunner::all_taken() const {
  return std::all_of(inputs_.begin(), inputs_.end(),
                     [](const Input& input) { return input.end_taken; });
}

void ProgramRunner::commit_drained_lanes(const std::function<bool(size_t input)>& is_under_way) {
  if (all_taken()) return;  // The node's own lane ends with them.
  std::vector<Frontier> ended;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const Input& input = inputs_[i];
    if (!input.end_taken || !input.reader.wants_more()) continue;
    // As wire::lane_name() calls them.
    const bool is_drained = input.name.find('@') != std::string::npos;
    if (!is_drained || is_under_way(i)) continue;
    ended.push_back({i, input.consumed, false, true});
  }
  if (!ended.empty()) node_.commit_unit(ended);
}

bool ProgramRunner::consumed_before() const {
  return std::any_of(inputs_.begin(), inputs_.end(),
                     [](const Input& input) { return !input.durable.frontier.none(); });
}

bool ProgramRunner::fail_if_oversized(const std::string& setting) {
  for (const Input& input : inputs_) {
    if (input.inbox.front_pieces_bytes() <= kRecordBytesMax) continue;
    node_.fail("a record from " + input.name + " is over 100 MiB: " + setting +
               " needs records whole; use unit = \"stream\" for longer ones");
    return true;
  }
  return false;
}

void SourceRunner::on_run_end(const RunEnd& end) {
  if (!run_.running()) return;
  flush();
  if (enough_ || end_wanted_) return finish();
  const UnitRun::Outcome outcome = run_.outcome(end, unfinished());
  if (outcome.well) {
    node_.count_exit(end);
    return finish();
  }
  const bool progressed = node_.commit_state().position != position_at_start_;
  if (!run_.may_try_again(end, outcome.why, {}, progressed)) return;
  run_.wait(run_.wait_after(end));
}

void SourceRunner::on_enough() {
  enough_ = true;
  if (run_.running()) node_.effects().close_stdout();
  if (run_.waiting()) finish();
}

void SourceRunner::on_end_wanted() {
  end_wanted_ = true;
  if (run_.running()) node_.effects().terminate_run();
  if (run_.waiting()) finish();
}

UnitId SourceRunner::unit() const {
  const CommitState& commit = node_.commit_state();
  return {commit.of.term, 0, commit.units, ""};
}

void SourceRunner::finish() {
  flush();
  run_.finish();
}

}  // namespace weir::core
