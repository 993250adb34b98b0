#include "wrapper/core/node.h"

#include <algorithm>

#include "schema/base/check.h"
#include "wrapper/core/log_entries.h"
#include "wrapper/core/runner.h"
#include "wrapper/core/sole_copy.h"
#include "wrapper/wal/keys.h"

namespace weir::core {

namespace {

// What is known of a lane. Of one that is drained it was learnt while its writer lived: then the
// lane's name bore no term (R5).
edge::ReaderDurable durable_of(const LogState& state, const std::string& lane) {
  if (const auto known = state.inputs.find(lane); known != state.inputs.end()) return known->second;
  const size_t at = lane.rfind('@');
  if (at == std::string::npos) return {};
  const auto before = state.inputs.find(lane.substr(0, at));
  if (before == state.inputs.end()) return {};
  const Position& frontier = before->second.frontier;
  if (frontier.none() || std::to_string(frontier.of.term) != lane.substr(at + 1)) return {};
  return {frontier.of, frontier, false, false, frontier};
}

}  // namespace

uint64_t credit_of(const graph::NodeSpec& node) {
  if (node.unit != graph::Unit::kBatch) return kCreditBytes;
  return std::max(kCreditBytes, std::min(node.max_bytes, kBatchCreditBytesMax));
}

std::string log_identity(const wire::StartOrder& order) {
  return order.pipeline + "/" + wire::lane_name(order.node.name, order.instance);
}

Node::Node(NodeConfig config, const wal::Log& log, const LogState& state, Effects& effects)
    : config_(std::move(config)),
      log_(log),
      effects_(effects),
      dead_(log, state),
      nonzero_exits_(state.nonzero_exits) {
  open(state);
  make_runner(state);
  if (config_.order.end) end_source();
}

Node::~Node() = default;

// Takes up the log for this boot. The batch becomes the first, synced, commit.
void Node::open(const LogState& state) {
  const wire::StartOrder& order = config_.order;
  put_format(batch_, state.format);
  put_owner(batch_, log_identity(order), is_sole_copy(order));
  lane_ = std::make_unique<Lane>(log_, state, config_.of, batch_,
                                 Lane::group_bytes(config_.order.log_limit_bytes));
  commit_ = state.commit;
  commit_.of = config_.of;
  commit_.published = lane_->staged_last();
  begin_at_position(state);
  put_commit(batch_, commit_);
  trimmed_at_taken_ = state.trimmed_at_taken;
  Settlement settlement{lane_->published_id(), {}};
  for (const std::string& writer : order.writers) {
    const edge::ReaderDurable durable = durable_of(state, writer);
    edge::EdgeName name{order.pipeline, writer, order.name()};
    inputs_.emplace_back(std::move(name), config_.credit_bytes, durable);
    inputs_.back().consumed = durable.frontier;
    inputs_.back().end_taken = durable.ended;
    inputs_.back().done_in_log = durable.ended || durable.enough;
    if (!durable.settles.none()) settlement.set(inputs_.size() - 1, durable.settles);
  }
  // What earlier commits settle one by one is not in the log: all of it settles with the last.
  settlements_.add(std::move(settlement));
  readers_.emplace(order, *lane_, effects_);
  if (order.sink && readers_->none()) unread_.emplace();
  batch_sync_ = true;
  batch_then_.push_back([this] { opened_ = true; });
}

// R5: a source that took over begins where what was settled of the one before ends.
void Node::begin_at_position(const LogState& state) {
  const wire::StartOrder& order = config_.order;
  const bool source = order.writers.empty() && order.drained_term == 0;
  tells_position_ = source && order.node.portable;
  base_position_ = state.base_position;
  if (!tells_position_ || !state.identity.empty() || order.position.none()) return;
  base_position_ = commit_.position = order.position;
  put_base_position(batch_, base_position_);
}

void Node::make_runner(const LogState& state) {
  const graph::NodeSpec& node = spec();
  if (node.caller_stdin) {
    runner_ = make_relay_runner(*this, state);
  } else if (node.protocol == graph::Protocol::kPositions) {
    runner_ = make_position_source(*this, state);
  } else if (node.protocol == graph::Protocol::kPipe) {
    const bool stream = inputs_.empty() || node.unit == graph::Unit::kStream;
    runner_ = stream ? make_stream_runner(*this, state) : make_batch_runner(*this, state);
  } else {
    runner_ = inputs_.empty() && node.protocol == graph::Protocol::kFrames
                  ? make_frame_source(*this, state)
                  : (inputs_.empty() ? make_stream_runner(*this, state)
                                     : make_reply_runner(*this, state));
  }
}

void Node::start(SteadyTime now) {
  now_ = now;
  readers_->start(now);
  started_ = true;
  unsettled_age_.published(lane_->published_id(), now);
  write_turn();
}

void Node::end_source() { end_wanted_ = inputs_.empty(); }

void Node::turn(SteadyTime now) {
  WEIR_CHECK(started_, "start() comes first");
  now_ = now;
  if (opened_) {
    if (!failed_) {
      if (!told_enough_ && readers_->all_satisfied() && nobody_asks_again()) {
        told_enough_ = true;
        runner_->on_enough();
      }
      if (end_wanted_ && !std::exchange(told_end_, true)) runner_->on_end_wanted();
      runner_->turn(now);
    }
    settle();
    lane_->trim(readers_->settled_by_all(), batch_);
    check_full();
  }
  write_turn();
  if (!opened_) return;
  answer_hellos();
  pump_readers();
  send_acks();
  readers_->tick(now);
}

void Node::write_turn() {
  if (!batch_publishes_ && batch_.empty()) {
    // Nothing to write: what waits for this turn waits for the one before, or for nothing.
    std::vector<std::function<void()>> then = std::exchange(batch_then_, {});
    if (persisting_.empty()) {
      for (const auto& each : then) each();
    } else {
      for (auto& each : then) persisting_.back().then.push_back(std::move(each));
    }
    return;
  }
  Persisting commit;
  commit.published = lane_->published_last();
  if (tells_position_) commit.position = commit_.position;
  if (!persisting_.empty()) commit.published = persisting_.back().published;
  bool sync = batch_sync_;
  if (batch_publishes_) {
    commit_.published = lane_->staged_last();
    commit.published = lane_->staged_last();
    put_commit(batch_, commit_);
    lane_->publish(batch_);
    // R6: sources and sinks sync every commit; inner nodes leave power loss to R2 and R3.
    sync = sync || spec().durability == graph::Durability::kDisk || config_.order.sink;
  }
  commit.settlement = std::exchange(batch_settlement_, std::nullopt);
  commit.then = std::exchange(batch_then_, {});
  commit.bytes = batch_.bytes();
  if (unread_ && batch_publishes_) {
    commit.bytes += unread_->held_bytes();
    commit.unread = unread_->take();
  }
  persisting_bytes_ += commit.bytes;
  persisting_.push_back(std::move(commit));
  batch_sync_ = batch_publishes_ = false;
  effects_.persist(std::exchange(batch_, {}), sync);
}

void Node::on_persisted() {
  WEIR_CHECK(!persisting_.empty(), "nothing is being written");
  Persisting commit = std::move(persisting_.front());
  persisting_.pop_front();
  persisting_bytes_ -= commit.bytes;
  lane_->persisted(commit.published);
  unsettled_age_.published(lane_->published_id(), now_);
  if (tells_position_) settled_position_.committed(lane_->published_id(), commit.position);
  if (commit.settlement) settlements_.add(*std::move(commit.settlement));
  for (const SharedBytes& output : commit.unread) effects_.keep_output(output);
  const bool was_open = opened_;
  for (const auto& then : commit.then) then();
  if (!was_open && opened_) readers_->open(now_);
}

// ---- readers

void Node::reader_connected(size_t reader) { readers_->connected(reader, now_); }
void Node::reader_disconnected(size_t reader) { readers_->disconnected(reader); }

void Node::on_reader_frame(size_t reader, const edge::Frame& frame) {
  const Status gone = readers_->on_frame(reader, frame, now_, runner_->ended(), trimmed_at_taken_);
  if (!gone) fail(gone.error().what);
}

void Node::pump_readers() {
  if (const Status pumped = readers_->pump(); !pumped) fail_log(pumped.error());
  const RecordId sent = readers_->sent_to_all();
  lane_->forget_recent(sent);
  const bool any = sent != kAllRecords;
  const bool held = pacer_.holds();
  const auto held_until =
      pacer_.look(any ? lane_->recent_bytes() : 0, !any || lane_->is_recent(sent), now_);
  if (held_until) effects_.wake_at(*held_until);
  // What the program has written already waits for another turn.
  if (held && !pacer_.holds()) effects_.wake_at(now_);
}

// ---- settling and trimming

uint64_t Node::unsettled_records() const {
  const RecordId settled = readers_->settled_by_all();
  return settled == kAllRecords ? 0 : lane_->records_after(settled);
}

std::chrono::milliseconds Node::unsettled_for(SteadyTime now) const {
  const auto since = unsettled_age_.since();
  if (!since || unsettled_records() == 0) return std::chrono::milliseconds(0);
  return std::chrono::duration_cast<std::chrono::milliseconds>(now - *since);
}

void Node::settle() {
  const auto is_settled = [this](const RecordId& last) { return readers_->have_settled(last); };
  if (tells_position_) settled_position_.advance(is_settled);
  unsettled_age_.settle(is_settled);
  settlements_.advance(is_settled, [this](size_t input, const Position& at) {
    edge::ReadingEnd& reader = inputs_[input].reader;
    if (at.id() > reader.settled().id()) reader.set_settled(at);
  });
  for (size_t i = 0; i < inputs_.size(); ++i) {
    Input& input = inputs_[i];
    if (!input.done_in_log) continue;
    if (input.durable.ended) input.reader.set_ended();
    if (input.durable.enough) input.reader.set_enough();
    if (input.reader.settled() == kEverything) continue;
    // R8: who wants no more settles all, unread, once the outputs of what it took are settled;
    // those of other inputs, which may never cease, are not waited for.
    if (!awaits_settlement(i)) input.reader.set_settled(kEverything);
  }
}

bool Node::awaits_settlement(size_t input) const {
  const auto concerns = [&](const std::optional<Settlement>& of_batch) {
    return of_batch && of_batch->concerns(input);
  };
  return settlements_.concern(input) || concerns(batch_settlement_) ||
         std::any_of(persisting_.begin(), persisting_.end(),
                     [&](const Persisting& commit) { return concerns(commit.settlement); });
}

// R7: a full log whose records are all taken, and held until a unit ends, cannot drain.
void Node::check_full() {
  const uint64_t limit = config_.order.log_limit_bytes;
  if (failed_ || limit == 0 || readers_->none()) return;
  const bool is_full = lane_->log_bytes() >= limit;
  // What may be dropped when the log is full is dropped as well when its disk is.
  const bool disk_is_short = pressure_ == Pressure::kSources || pressure_ == Pressure::kAll;
  const bool may_drop = config_.order.trim_at_taken && lane_->log_bytes() > 0;
  if (!is_full && !(disk_is_short && may_drop)) return;
  const bool all_published = lane_->staged_bytes() == 0 && !batch_publishes_ && !persisting();
  if (is_full && all_published && !all_readers_satisfied() &&
      readers_->have_settled(lane_->published_id())) {
    return fail_without_room();
  }
  const bool held = readers_->any_unsatisfied_holds();
  if (!held || readers_->taken_by_all() < lane_->published_id() || persisting()) return;
  if (!config_.order.trim_at_taken) {
    return fail(
        "its log is full (" + std::to_string(limit) +
        " bytes) and cannot drain: a reader's stream unit holds all of it until it ends; give "
        "it more room (log_limit), or use unit = \"batch\" there");
  }
  if (!trimmed_at_taken_) {
    trimmed_at_taken_ = true;
    put_trimmed_at_taken(batch_);
    const std::string why = is_full ? "its log is full (" + std::to_string(limit) + " bytes)"
                                    : std::string("the disk of its log is nearly full");
    effects_.note(why +
                  ": what has been taken is dropped, so the run can no longer be repeated "
                  "after a crash; use --data on a larger disk to keep it");
  }
  if (!lane_->trim(readers_->taken_by_all(), batch_) && all_published && is_full)
    fail_without_room();
}

// What can be dropped is dropped, and it is still full.
void Node::fail_without_room() {
  fail("its log is full (" + std::to_string(config_.order.log_limit_bytes) +
       " bytes) although nothing in it is needed any more: the limit has no room for a block; give "
       "it more (log_limit)");
}

// ---- dead letters

void Node::erase_dead(uint64_t number) {
  dead_.erase(number, batch_);
  when_persisted([this, number] { dead_.forgotten(number); });
}

void Node::count_exit(const RunEnd& end) {
  if (end.kind != RunEnd::Kind::kExited || end.code == 0) return;
  ++nonzero_exits_.count;
  nonzero_exits_.last = static_cast<uint32_t>(end.code);
  put_nonzero_exits(batch_, nonzero_exits_);
}

Result<uint64_t> Node::retry_dead(const std::vector<std::string>& ids) {
  if (failed_)
    return Error{ErrorCode::kConflict, spec().name + " has failed: its program does not run"};
  if (!runner_->can_retry()) {
    return Error{ErrorCode::kConflict,
                 spec().name + " has ended, and nobody would read what its program makes of them"};
  }
  const Result<std::vector<uint64_t>> numbers = dead_.named(ids, config_.order.instance);
  if (!numbers) return numbers.error();
  for (const uint64_t number : *numbers) dead_.want_retry(number);
  return numbers->size();
}

Result<uint64_t> Node::drop_dead(const std::vector<std::string>& ids, std::function<void()> done) {
  const Result<std::vector<uint64_t>> numbers = dead_.named(ids, config_.order.instance);
  if (!numbers) return numbers.error();
  for (const uint64_t number : *numbers) {
    if (dead_.under_way() == number) runner_->on_retried_dropped();
    erase_dead(number);
  }
  if (!numbers->empty()) batch_sync_ = true;
  when_persisted(std::move(done));
  return numbers->size();
}

// ---- program

std::span<uint8_t> Node::output_space() {
  if (failed_ || !may_write_output()) return {};
  return runner_->output_space();
}
void Node::on_output(size_t bytes) { runner_->on_output(bytes); }
void Node::on_fed(size_t bytes) { runner_->on_fed(bytes); }
void Node::on_stdin_broken() { runner_->on_stdin_broken(); }
void Node::on_run_end(const RunEnd& end) {
  if (!failed_) runner_->on_run_end(end);
}

// ---- what others may ask

std::vector<std::string> Node::heard(SteadyTime now) const {
  const auto lately = [&](SteadyTime at) { return at != SteadyTime{} && now - at <= kHeardWithin; };
  std::vector<std::string> names;
  for (const Input& input : inputs_) {
    if (lately(input.heard_at)) names.push_back(input.name);
  }
  readers_->heard_since(now - kHeardWithin, names);
  return names;
}

std::string Node::runner_state() const { return runner_->state(); }
bool Node::ended() const { return runner_->ended(); }
bool Node::ended_and_settled() const {
  return runner_->ended() && persisting_.empty() && readers_->have_settled(lane_->published_id());
}

}  // namespace weir::core
