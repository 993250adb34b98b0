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
  Mark mark{lane_->published_id(), {}};
  for (const std::string& writer : order.writers) {
    const edge::ReaderDurable durable = durable_of(state, writer);
    edge::EdgeName name{order.pipeline, writer, order.name()};
    inputs_.emplace_back(std::move(name), config_.credit_bytes, durable);
    inputs_.back().consumed = durable.frontier;
    inputs_.back().end_taken = durable.ended;
    if (!durable.settles.none()) mark.inputs.emplace_back(inputs_.size() - 1, durable.settles);
  }
  // What earlier commits settle one by one is not in the log: all of it settles with the last.
  add_mark(std::move(mark));
  for (const wire::ReaderOrder& reader : order.readers) {
    readers_.emplace_back(edge::EdgeName{order.pipeline, order.name(), reader.name});
  }
  connected_.assign(readers_.size(), false);
  reader_heard_at_.resize(readers_.size());
  if (order.sink && readers_.empty()) unread_.emplace();
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
  ticked_at_ = now;
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
      if (!told_enough_ && all_readers_satisfied() && nobody_asks_again()) {
        told_enough_ = true;
        runner_->on_enough();
      }
      if (end_wanted_ && !std::exchange(told_end_, true)) runner_->on_end_wanted();
      runner_->turn(now);
    }
    settle();
    trim();
    check_full();
  }
  write_turn();
  if (!opened_) return;
  answer_hellos();
  pump_readers();
  send_acks();
  if (now - ticked_at_ >= kTickInterval) tick(now);
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
  commit.mark = std::exchange(batch_mark_, std::nullopt);
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
  if (commit.mark) add_mark(*std::move(commit.mark));
  for (const SharedBytes& output : commit.unread) effects_.keep_output(output);
  const bool was_open = opened_;
  for (const auto& then : commit.then) then();
  if (!was_open && opened_) {
    for (size_t i = 0; i < readers_.size(); ++i) {
      if (connected_[i]) reader_connected(i);
    }
  }
}

// ---- inputs

std::vector<std::string> Node::heard(SteadyTime now) const {
  const auto lately = [&](SteadyTime at) { return at != SteadyTime{} && now - at <= kHeardWithin; };
  std::vector<std::string> names;
  for (const Input& input : inputs_) {
    if (lately(input.heard_at)) names.push_back(input.name);
  }
  for (size_t i = 0; i < readers_.size(); ++i) {
    if (lately(reader_heard_at_[i])) names.push_back(readers_[i].name().to);
  }
  return names;
}

std::optional<size_t> Node::input_named(std::string_view lane) const {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (inputs_[i].name == lane) return i;
  }
  return std::nullopt;
}

std::optional<edge::Refuse> Node::on_hello(size_t index, const edge::Hello& hello,
                                           const Peer& peer) {
  Input& input = inputs_[index];
  edge::EdgeReader::Meeting meeting = input.reader.on_hello(hello, peer);
  if (meeting.refuse) return std::move(meeting.refuse);
  input.heard_at = now_;
  if (meeting.persist_seen) {
    input.durable.seen = input.reader.seen();
    put_input(batch_, input.name, input.durable);
    batch_sync_ = true;
    batch_then_.push_back([this, index] { inputs_[index].reader.seen_kept(); });
  }
  runner_->on_meeting(index);
  return std::nullopt;
}

void Node::answer_hellos() {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    Input& input = inputs_[i];
    const bool has_room =
        input.inbox.bytes() < config_.credit_bytes || input.inbox.only_unfinished();
    if (const auto welcome = input.reader.welcome_due(has_room)) effects_.to_writer(i, *welcome);
  }
}

void Node::on_writer_frame(size_t index, const edge::Frame& frame) {
  Input& input = inputs_[index];
  input.heard_at = now_;
  const edge::ReadingEnd::Heard heard = input.reader.on_frame(frame);
  if (heard.reset) effects_.to_writer(index, *heard.reset);
  if (!heard.rewind) return;
  effects_.note("the log of " + input.name + " lost its end or was replaced: it sends again from " +
                to_string(heard.rewind->from));
  input.inbox.rewind(heard.rewind->keep);
  runner_->on_rewound(index, heard.rewind->keep);
}

void Node::on_block(size_t index, wire::Block block) {
  Input& input = inputs_[index];
  input.heard_at = now_;
  const std::optional<uint32_t> known_pieces = input.reader.on_block(block.header);
  if (!known_pieces) return;
  const bool no_record = block.header.mark && !wire::is_abandoned(block.header.mark);
  counters_.records_in += no_record ? 0 : block.header.pieces - *known_pieces;
  counters_.bytes_in += block.header.payload_bytes;
  input.inbox.push(std::move(block), *known_pieces);
}

void Node::refetch() {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (inputs_[i].reader.wants_more()) refetch(i);
  }
}

void Node::refetch(size_t index) {
  Input& input = inputs_[index];
  input.inbox.clear();
  input.consumed = input.durable.frontier;
  input.end_taken = input.durable.ended;
  if (const auto reset = input.reader.restart(input.durable.frontier)) {
    effects_.to_writer(index, *reset);
  }
}

void Node::send_acks() {
  const bool readers_hold = std::any_of(readers_.begin(), readers_.end(),
                                        [](const auto& reader) { return reader.holds(); });
  const bool gives_credit = pressure_ < Pressure::kInputs;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    Input& input = inputs_[i];
    input.reader.set_holds(runner_->holds() || readers_hold);
    // A part of an unfinished record must not hold up the rest of it.
    if (input.reader.open() && input.inbox.only_unfinished()) {
      input.reader.set_taken(input.inbox.received());
    }
    if (const auto ack = input.reader.ack_due(gives_credit)) effects_.to_writer(i, *ack);
  }
}

// ---- readers

void Node::reader_connected(size_t index) {
  connected_[index] = true;
  if (!opened_) return;
  effects_.to_reader(index, readers_[index].hello(lane_->history(), lane_->first_held(), now_));
}

void Node::reader_disconnected(size_t index) {
  connected_[index] = false;
  readers_[index].disconnected();
}

void Node::on_reader_frame(size_t index, const edge::Frame& frame) {
  if (!opened_) return;
  edge::EdgeWriter& reader = readers_[index];
  reader_heard_at_[index] = now_;
  if (const auto* ack = std::get_if<edge::Ack>(&frame)) {
    reader.on_ack(*ack, lane_->history(), now_);
  } else if (const auto* welcome = std::get_if<edge::Welcome>(&frame)) {
    const RecordId end = runner_->ended() ? lane_->history().last() : RecordId{};
    const auto greeted =
        reader.on_welcome(*welcome, lane_->history(), lane_->first_held(), now_, end);
    if (!greeted.begin) return;
    const RecordId wanted =
        lane_->history().after(std::max(welcome->position.id(), reader.settled()));
    if (trimmed_at_taken_ && wanted < lane_->first_held() && !reader.satisfied()) {
      return fail(
          "reader " + reader.name().to +
          " was restarted, and the log was trimmed when it was full: what it needs is gone; "
          "run again with --data on a larger disk");
    }
    effects_.to_reader(index, *greeted.begin);
  } else if (const auto* reset = std::get_if<edge::Reset>(&frame)) {
    if (reader.on_reset(*reset)) reader_connected(index);
  } else if (const auto* refuse = std::get_if<edge::Refuse>(&frame)) {
    if (!reader.on_refuse(*refuse)) return;
    if (refuse->reason == edge::RefuseReason::kStale ||
        refuse->reason == edge::RefuseReason::kCopy) {
      effects_.superseded(refuse->seen);
    } else {
      effects_.note("reader " + reader.name().to + " refuses: " + refuse->text);
    }
  }
}

void Node::pump_readers() {
  RecordId sent = kAllRecords;
  for (size_t i = 0; i < readers_.size(); ++i) {
    pump(i);
    if (readers_[i].streaming() && !readers_[i].satisfied()) {
      sent = std::min(sent, readers_[i].cursor());
    }
  }
  lane_->forget_recent(sent);
  const bool any = sent != kAllRecords;
  const bool held = pacer_.holds();
  const auto held_until =
      pacer_.look(any ? lane_->recent_bytes() : 0, !any || lane_->is_recent(sent), now_);
  if (held_until) effects_.wake_at(*held_until);
  // What the program has written already waits for another turn.
  if (held && !pacer_.holds()) effects_.wake_at(now_);
}

void Node::pump(size_t index) {
  edge::EdgeWriter& reader = readers_[index];
  while (reader.may_send()) {
    Result<std::optional<wire::Block>> block = lane_->block_at(reader.cursor());
    if (!block) return fail_log(block.error());
    if (!block->has_value()) return;
    if (!effects_.block_to_reader(index, **block)) return;
    reader.sent(**block, lane_->next_after(**block));
  }
}

void Node::tick(SteadyTime now) {
  ticked_at_ = now;
  for (size_t i = 0; i < readers_.size(); ++i) {
    if (!connected_[i]) continue;
    switch (readers_[i].tick(now)) {
      case edge::EdgeWriter::Tick::kNothing:
        break;
      case edge::EdgeWriter::Tick::kHello:
        reader_connected(i);
        break;
      case edge::EdgeWriter::Tick::kPing:
        effects_.to_reader(i, readers_[i].ping(now));
        break;
      case edge::EdgeWriter::Tick::kReconnect:
        reader_disconnected(i);
        effects_.reconnect(i);
        break;
    }
  }
}

// ---- settling and trimming

void Node::add_mark(Mark mark) {
  if (mark.inputs.empty()) return;
  if (marks_.size() >= kMarksMax) {
    // Bounded: every second mark gives its inputs to the later one, which settles them later.
    std::deque<Mark> fewer;
    for (size_t i = 0; i + 1 < marks_.size(); i += 2) {
      for (auto& [input, id] : marks_[i].inputs) {
        const auto same = [in = input](const auto& other) { return other.first == in; };
        auto& later = marks_[i + 1].inputs;
        if (std::none_of(later.begin(), later.end(), same)) later.emplace_back(input, id);
      }
      fewer.push_back(std::move(marks_[i + 1]));
    }
    if (marks_.size() % 2 == 1) fewer.push_back(std::move(marks_.back()));
    marks_ = std::move(fewer);
  }
  marks_.push_back(std::move(mark));
}

RecordId Node::settled_by_all() const {
  RecordId settled = kAllRecords;
  for (const edge::EdgeWriter& reader : readers_) settled = std::min(settled, reader.settled());
  return settled;
}

uint64_t Node::unsettled_records() const {
  const RecordId settled = settled_by_all();
  return settled == kAllRecords ? 0 : lane_->records_after(settled);
}

std::chrono::milliseconds Node::unsettled_for(SteadyTime now) const {
  const auto since = unsettled_age_.since();
  if (!since || unsettled_records() == 0) return std::chrono::milliseconds(0);
  return std::chrono::duration_cast<std::chrono::milliseconds>(now - *since);
}

RecordId Node::taken_by_all() const {
  RecordId taken = kAllRecords;
  for (const edge::EdgeWriter& reader : readers_) {
    taken = std::min(taken, reader.satisfied() ? reader.settled() : reader.taken());
  }
  return taken;
}

// R3: every record up to `out` that there is has been settled by all readers.
bool Node::lane_settled_upto(const RecordId& out) const {
  const RecordId settled = settled_by_all();
  return settled == kAllRecords || lane_->history().after(settled) > out;
}

void Node::settle() {
  if (tells_position_) {
    settled_position_.advance([this](const RecordId& last) { return lane_settled_upto(last); });
  }
  unsettled_age_.settle([this](const RecordId& last) { return lane_settled_upto(last); });
  while (!marks_.empty() && lane_settled_upto(marks_.front().out)) {
    for (const auto& [input, id] : marks_.front().inputs) {
      if (id.id() > inputs_[input].reader.settled().id()) inputs_[input].reader.set_settled(id);
    }
    marks_.pop_front();
  }
  if (!persisting_.empty() || batch_publishes_)
    return;  // What follows speaks of what is in the log.
  for (Input& input : inputs_) {
    if (input.durable.ended) input.reader.set_ended();
    if (input.durable.enough) input.reader.set_enough();
    // R8: who wants no more settles all, unread, once the outputs of what it took are settled.
    if (!input.reader.wants_more() && marks_.empty()) {
      input.reader.set_settled(kEverything);
    }
  }
}

void Node::trim() { lane_->trim(settled_by_all(), batch_); }

// R7: a full log whose records are all taken, and held until a unit ends, cannot drain.
void Node::check_full() {
  const uint64_t limit = config_.order.log_limit_bytes;
  if (failed_ || limit == 0 || readers_.empty()) return;
  const bool is_full = lane_->log_bytes() >= limit;
  // What may be dropped when the log is full is dropped as well when its disk is.
  const bool disk_is_short = pressure_ == Pressure::kSources || pressure_ == Pressure::kAll;
  const bool may_drop = config_.order.trim_at_taken && lane_->log_bytes() > 0;
  if (!is_full && !(disk_is_short && may_drop)) return;
  const bool all_published = lane_->staged_bytes() == 0 && !batch_publishes_ && !persisting();
  if (is_full && all_published && !all_readers_satisfied() &&
      lane_settled_upto(lane_->published_id())) {
    return fail_without_room();
  }
  const bool held = std::any_of(readers_.begin(), readers_.end(), [](const auto& reader) {
    return !reader.satisfied() && reader.holds();
  });
  if (!held || taken_by_all() < lane_->published_id() || persisting()) return;
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
  if (!lane_->trim(taken_by_all(), batch_) && all_published && is_full) fail_without_room();
}

// What can be dropped is dropped, and it is still full.
void Node::fail_without_room() {
  fail("its log is full (" + std::to_string(config_.order.log_limit_bytes) +
       " bytes) although nothing in it is needed any more: the limit has no room for a block; give "
       "it more (log_limit)");
}

// ---- for runners

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
    if (input.durable.enough || input.durable.ended) input.reader.want_no_more();
    put_input(batch_, input.name, input.durable);
  }
}

void Node::publish_outputs() {
  batch_publishes_ = true;
  if (!batch_mark_) batch_mark_.emplace();
  batch_mark_->out = {config_.of.term, config_.of.boot, lane_->staged_last()};
}

void Node::settle_inputs(const std::vector<std::pair<size_t, Position>>& upto) {
  if (!batch_mark_) batch_mark_.emplace();
  batch_mark_->out = {config_.of.term, config_.of.boot, lane_->staged_last()};
  for (const auto& [index, at] : upto) {
    Input& input = inputs_[index];
    input.durable.settles = at;
    put_input(batch_, input.name, input.durable);
    auto& inputs = batch_mark_->inputs;
    const auto same = [index = index](const auto& other) { return other.first == index; };
    const auto found = std::find_if(inputs.begin(), inputs.end(), same);
    if (found == inputs.end()) {
      inputs.emplace_back(index, at);
    } else {
      found->second = at;
    }
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

bool Node::all_readers_satisfied() const {
  return !readers_.empty() && std::all_of(readers_.begin(), readers_.end(),
                                          [](const auto& reader) { return reader.satisfied(); });
}

// R3, R5: a reader that has ended, or had enough, may lose its log before the sinks have settled,
// and begin anew. A portable source that took over has not sent what it needs then, nor has an
// inner node that lost its own log: had it said `enough` upstream, nobody would have it.
bool Node::nobody_asks_again() const {
  if (tells_position_) return settled_by_all() == kAllRecords;
  if (inputs_.empty()) return true;
  return std::all_of(readers_.begin(), readers_.end(), [](const edge::EdgeWriter& reader) {
    return reader.enough() || reader.settled() == kAllRecords;
  });
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

std::string Node::runner_state() const { return runner_->state(); }
bool Node::ended() const { return runner_->ended(); }
bool Node::ended_and_settled() const {
  return runner_->ended() && persisting_.empty() && lane_settled_upto(lane_->published_id());
}

}  // namespace weir::core
