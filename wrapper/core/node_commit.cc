// What a node does for its runner: outputs and consumption, staged and committed (R1, R4).
#include <algorithm>

#include "wrapper/core/log_entries.h"
#include "wrapper/core/node.h"
#include "wrapper/core/runner.h"

namespace weir::core {

void Node::append(Cut cut, wire::Shape shape) {
  counters_.records_out += cut.records;
  counters_.bytes_out += cut.payload_bytes;
  commit_.mid_record = cut.continued;
  if (unread_) {
    for (const SharedBytes& output : unread_->add(cut, shape)) effects_.keep_output(output);
    return;
  }
  lane_->append(std::move(cut), shape, batch_);
}

void Node::append_mark(const wire::Mark& mark) {
  commit_.mid_record = false;
  lane_->append_mark(mark, batch_);
}

void Node::discard_staged() {
  if (unread_) unread_->discard();
  lane_->discard_staged(batch_);
}

// Where it stood in the lane of a writer that was replaced is kept: should that one's log come
// back, it is drained from there on (R5).
void Node::move_frontier(Input& input, const Position& to) {
  const Position& at = input.durable.frontier;
  if (!at.none() && at.of.term < to.of.term) {
    const std::string lane = input.name + "@" + std::to_string(at.of.term);
    put_input(batch_, lane, {at.of, at, false, false, at});
  }
  input.durable.frontier = to;
}

// R4: outputs and the consumption that they stand for are one atomic write; a crash leaves both or
// neither.
void Node::commit_unit(const std::vector<Frontier>& frontiers) {
  commit_inputs(frontiers);
  publish_outputs();
  std::vector<std::pair<size_t, Position>> upto;
  for (const Frontier& frontier : frontiers) {
    upto.emplace_back(frontier.input, inputs_[frontier.input].durable.frontier);
  }
  settle_inputs(upto);
}

void Node::commit_inputs(const std::vector<Frontier>& frontiers) {
  for (const Frontier& frontier : frontiers) {
    Input& input = inputs_[frontier.input];
    if (!frontier.position.none()) move_frontier(input, frontier.position);
    input.durable.enough = input.durable.enough || frontier.enough;
    input.durable.ended = input.durable.ended || frontier.ended;
    if (input.durable.enough || input.durable.ended) {
      input.reader.want_no_more();
      batch_then_.push_back([this, index = frontier.input] { inputs_[index].done_in_log = true; });
    }
    put_input(batch_, input.name, input.durable);
  }
}

void Node::publish_outputs() {
  batch_publishes_ = true;
  batch_settlement();
}

// Of what is staged by now.
Settlement& Node::batch_settlement() {
  if (!batch_settlement_) batch_settlement_.emplace();
  batch_settlement_->out = {config_.of.term, config_.of.boot, lane_->staged_last()};
  return *batch_settlement_;
}

void Node::settle_inputs(const std::vector<std::pair<size_t, Position>>& upto) {
  Settlement& settlement = batch_settlement();
  for (const auto& [index, at] : upto) {
    Input& input = inputs_[index];
    input.durable.settles = at;
    put_input(batch_, input.name, input.durable);
    settlement.set(index, at);
  }
}

void Node::end_lane(std::function<void()> then) {
  dead_.forget_retries();
  append_mark(wire::kEndMark);
  commit_.ended = true;
  erase_attempts(batch_);
  std::vector<Frontier> frontiers;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const Input& input = inputs_[i];
    if (!input.reader.wants_more()) continue;
    frontiers.push_back({i, input.consumed, !input.end_taken, input.end_taken});
  }
  commit_unit(frontiers);
  sync_this_turn();
  when_persisted(std::move(then));
}

void Node::when_persisted(std::function<void()> then) { batch_then_.push_back(std::move(then)); }

bool Node::pressure_allows_output() const {
  // What they settle makes room.
  if (config_.order.sink) return true;
  const bool is_source = inputs_.empty() || spec().caller_stdin;
  if (is_source) return pressure_ < Pressure::kSources;
  // Upstream of an empty log nothing would ever drain.
  return pressure_ < Pressure::kAll || lane_->log_bytes() < kDrainBytes;
}

bool Node::may_write_output() const {
  if (!pressure_allows_output() || pacer_.holds()) return false;
  const uint64_t limit = config_.order.log_limit_bytes;
  if (limit != 0 && lane_->log_bytes() >= limit) return false;
  const size_t unread = unread_ ? unread_->held_bytes() : 0;
  return persisting_bytes_ + batch_.bytes() + unread < kPersistingBytesMax;
}

bool Node::all_readers_satisfied() const { return readers_->all_satisfied(); }

// R3, R5: a reader that has ended, or had enough, may lose its log before the sinks have settled,
// and begin anew. A portable source that took over has not sent what it needs then, nor has an
// inner node that lost its own log: had it said `enough` upstream, nobody would have it.
bool Node::nobody_asks_again() const {
  if (tells_position_) return readers_->settled_by_all() == kAllRecords;
  return inputs_.empty() || readers_->all_done();
}

void Node::fail(std::string reason) {
  if (failed_) return;
  failed_ = true;
  dead_.forget_retries();
  effects_.kill_run();
  effects_.failed(std::move(reason));
}

void Node::fail_log(const Error& error) {
  if (failed_) return;
  failed_ = true;
  dead_.forget_retries();
  effects_.kill_run();
  effects_.log_failed(error);
}

}  // namespace weir::core
