// Sources and stream units (design 4): one run of the program for the whole stream. What it writes
// is published as it comes; what it has consumed is committed when it ends. After a crash it is run
// again from its first record, and output that was published before is recognised and not sent
// again.
//
//   Waiting --start--> Running --run ended well--> Ending --END is in the log--> Ended
//      ^                  |
//      '----backoff-------'  run ended badly: attempt counted, input fetched again
#include <algorithm>
#include <deque>
#include <optional>

#include "schema/base/check.h"
#include "wrapper/core/builder.h"
#include "wrapper/core/log_entries.h"
#include "wrapper/core/program_runner.h"
#include "wrapper/core/replay_filter.h"

namespace weir::core {
namespace {

using std::chrono::milliseconds;

constexpr size_t kFeedAheadBytes = 1u << 20;
constexpr uint64_t kPointBytes = 1u << 20;
constexpr size_t kScratchBytes = 64u << 10;
constexpr auto kSilence = std::chrono::seconds(10);

class StreamRunner : public ProgramRunner {
 public:
  StreamRunner(Node& node, const LogState& state)
      : ProgramRunner(node, state),
        pool_(std::make_shared<BufferPool>(
            wire::kBlockHeaderBytes + BlockBuilder::kUsualPayloadBytes, 16)),
        shape_(output_shape(node.spec())),
        builder_(pool_, shape_),
        source_(inputs_.empty()),
        replays_(!source_ || node.spec().rerun),
        fed_(node.log(), state.fed_chunks, state.fed) {
    if (state.commit.ended) return;
    points_ = state.points;
    published_bytes_ = state.commit.out_bytes;
    published_hash_ = state.commit.out_hash;
    if (state.skips.empty()) return;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const auto found = state.skips.find(inputs_[i].name);
      if (found != state.skips.end()) skips_[i] = found->second;
    }
  }

  void turn(SteadyTime now) override {
    // While this process stood still (a stopped machine) nobody listened to the program.
    silent_for_ += std::min<SteadyTime::duration>(now - run_.now(), 2 * Node::kTickInterval);
    run_.begin_turn(now);
    if (run_.due()) return start();
    if (!run_.running()) return;
    give_up_if_silent();
    feed();
    cut_output();
    check_stall();
  }

  std::span<uint8_t> output_space() override {
    if (!run_.running()) return {};
    if (looks_at_output()) {
      scratch_.resize(kScratchBytes);
      return {reinterpret_cast<uint8_t*>(scratch_.data()), scratch_.size()};
    }
    return builder_.space();
  }

  void on_output(size_t bytes) override {
    silent_for_ = {};
    run_.on_output();
    if (!looks_at_output()) {
      builder_.added(bytes);
      if (builder_.full()) cut_output();
      return;
    }
    const std::string_view after = after_settled(std::string_view(scratch_).substr(0, bytes));
    if (!replay_) return append_fresh(after);
    std::string fresh;
    replay_->feed({reinterpret_cast<const uint8_t*>(after.data()), after.size()}, fresh);
    finish_replay(fresh);
  }

  void on_run_end(const RunEnd& end) override {
    if (!run_.running()) return;
    // Stopped by us: what it had written stays, a record that it had only begun does not (R8).
    if (end_wanted_) return finish(accepted(node_.spec(), end));
    const bool wanted_no_more =
        enough_ &&
        (source_ || (end.kind == RunEnd::Kind::kSignaled && end.code == SIGPIPE_NUMBER) ||
         (end.kind == RunEnd::Kind::kExited && end.code == 141));
    if (accepted(node_.spec(), end) || wanted_no_more) {
      if (!wanted_no_more) node_.count_exit(end);
      return finish();
    }
    run_failed(end);
  }

  void on_rewound(size_t input, const Position& keep) override {
    const Position& consumed = inputs_[input].consumed;
    const bool intact = consumed == inputs_[input].durable.frontier ||
                        (consumed.of == keep.of && consumed.seq <= keep.seq);
    if (!intact) start_afresh();
  }

  void on_meeting(size_t input) override {
    const edge::ReadingEnd& reader = inputs_[input].reader;
    const auto lost = [&](const auto& fed) {
      const auto& [source, last] = fed;
      return source.lane == inputs_[input].name && !reader.writer_has({source.of, last});
    };
    if (std::any_of(fed_.reach().begin(), fed_.reach().end(), lost)) start_afresh();
  }

  void on_enough() override {
    if (run_.over()) return;
    enough_ = true;
    if (run_.running()) {
      node_.effects().close_stdout();
    } else {
      finish();
    }
  }

  void on_end_wanted() override {
    if (run_.over()) return;
    end_wanted_ = true;
    if (run_.running()) {
      node_.effects().terminate_run();
    } else {
      finish(false);
    }
  }

  std::string state() const override {
    std::string text = std::string("stream: ") + run_.state();
    if (replay_) text += " replays its output, " + std::to_string(replay_->held_bytes());
    if (fed_.next()) text += " replays " + fed_.next()->lane + " to " + to_string(fed_.next()->to);
    if (clearing_ > 0) text += " clearing " + std::to_string(clearing_);
    return text + " fed " + std::to_string(run_.unwritten_bytes() + clearing_bytes_) +
           " open lanes " + std::to_string(inputs_.size() - lanes_ended_);
  }
  bool holds() const override { return !source_ && !run_.over(); }

 private:
  static constexpr int SIGPIPE_NUMBER = 13;

  // ---- starting

  void start() {
    if (enough_) return finish();
    if (!replays_ && node_.commit_state().mid_record) abandon_record();
    builder_.drop();
    hash_ = StreamHash();
    replay_.reset();
    if (replays_ && published_bytes_ > 0) {
      std::vector<HashPoint> points = points_;
      if (points.empty() || points.back().offset < published_bytes_) {
        points.push_back(
            {published_bytes_, published_hash_, node_.commit_state().position.records});
      }
      replay_ = std::make_unique<ReplayFilter>(std::move(points));
    }
    if (Status read = fed_.rewind(); !read) return node_.fail_log(read.error());
    settled_left_ = source_ && replays_ ? node_.base_records() : 0;
    cleared_.clear();
    clearing_bytes_ = 0;
    lanes_ended_ = 0;
    mid_record_input_.reset();
    delimiter_due_.reset();
    for (const Input& input : inputs_) lanes_ended_ += input.end_taken ? 1 : 0;
    silent_for_ = {};
    records_at_start_ = node_.commit_state().position.records;
    UnitRun::Start order{unit(), run_.failed() + 1, !source_};
    // A source that is run from its start again has no position to go on from.
    if (source_) order.position = replays_ ? "0" : node_.records_of_source();
    run_.start(order);
    feed();
  }

  // A stream unit is the same one from its first record to its end, whatever is run again.
  UnitId unit() const {
    const CommitState& commit = node_.commit_state();
    return {commit.of.term, 0, commit.units, ""};
  }

  // ---- feeding

  void feed() {
    if (source_ || run_.stdin_closed()) return;
    feed_cleared();
    while (run_.reads_stdin() && ahead_bytes() < kFeedAheadBytes) {
      const std::optional<size_t> input = fed_.next() ? replay_input() : choose_input();
      if (!input || !feed_from(*input)) break;
    }
    if (!run_.reads_stdin()) discard_input();
    const bool all_ended = lanes_ended_ == inputs_.size();
    if (all_ended && run_.all_written() && cleared_.empty() && clearing_ == 0) run_.close_stdin();
  }

  // Fed, or to be fed, and not read by the program.
  size_t ahead_bytes() const { return run_.unwritten_bytes() + clearing_bytes_; }

  std::optional<size_t> replay_input() {
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (inputs_[i].name == fed_.next()->lane) return i;
    }
    WEIR_CHECK(false, "the unit was fed from a lane that is not read");
    return std::nullopt;
  }

  // Lanes alternate, but not inside a record.
  std::optional<size_t> choose_input() {
    if (mid_record_input_) {
      return inputs_[*mid_record_input_].inbox.empty() ? std::nullopt : mid_record_input_;
    }
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const size_t candidate = (next_input_ + i) % inputs_.size();
      if (!inputs_[candidate].inbox.empty()) {
        next_input_ = (candidate + 1) % inputs_.size();
        return candidate;
      }
    }
    return std::nullopt;
  }

  bool feed_from(size_t index) {
    Input& input = inputs_[index];
    const bool replaying = fed_.next().has_value();
    if (replaying && !input.inbox.empty() && input.inbox.front_id() > fed_.next()->to.id()) {
      start_afresh();  // An older copy of this log: what it was fed is settled and gone.
      return false;
    }
    const Position from = input.consumed;
    std::optional<Portion> portion =
        replaying ? input.inbox.take_upto(fed_.next()->to) : input.inbox.take_block();
    if (!portion) return false;
    input.consumed = portion->last;
    if (portion->is_end()) {
      input.end_taken = true;
      ++lanes_ended_;
      input.reader.set_taken(portion->last);
      return true;
    }
    if (replaying && portion->last == fed_.next()->to) {
      if (Status read = fed_.advance(); !read) return node_.fail_log(read.error()), false;
    }
    if (skipped(index, portion->last)) {
      input.reader.set_taken(portion->last);
      return true;
    }
    if (portion->is_abandoned() && !mid_record_input_) {
      input.reader.set_taken(portion->last);  // Nothing of that record was fed.
      return true;
    }
    if (portion->is_abandoned()) {
      // A part of a record that never ended was fed: once more, without it.
      skip_and_restart(index, {input.name, record_from_, portion->last});
      return false;
    }
    if (!mid_record_input_) record_from_ = from;
    mid_record_input_ = portion->ends_record ? std::nullopt : std::optional(index);
    if (inputs_.size() > 1 && !replaying) {
      log_and_feed(index, std::move(*portion));
    } else {
      hand_over(index, *portion);
    }
    return true;
  }

  void hand_over(size_t index, const Portion& portion) {
    if (delimiter_due_) run_.feed(index, {}, *std::exchange(delimiter_due_, std::nullopt));
    if (portion.open_end) delimiter_due_ = missing_delimiter(portion);
    run_.feed(index, portion.last, portion.bytes);
  }

  // With several lanes the order in which they are fed is logged first, so that a second run gets
  // the same.
  void log_and_feed(size_t index, Portion portion) {
    const uint64_t chunk = fed_.add(inputs_[index].name, portion.last, node_.batch());
    clearing_bytes_ += portion.bytes.size;
    ++clearing_;
    const uint64_t run = run_number_;
    node_.when_persisted([this, run, chunk, index, portion = std::move(portion)] {
      --clearing_;
      if (run != run_number_ || !run_.running()) return;
      fed_.persisted(chunk);
      cleared_.emplace_back(index, portion);
    });
  }

  void feed_cleared() {
    for (auto& [index, portion] : cleared_) {
      clearing_bytes_ -= std::min(clearing_bytes_, portion.bytes.size);
      if (run_.reads_stdin()) hand_over(index, portion);
    }
    cleared_.clear();
  }

  // The program reads no more: what comes is taken and dropped until it exits.
  void discard_input() {
    run_.forget_fed();
    clearing_bytes_ = 0;
    for (Input& input : inputs_) {
      while (const std::optional<Portion> portion = input.inbox.take_block()) {
        input.consumed = portion->last;
        input.reader.set_taken(portion->last);
        if (!portion->is_end()) continue;
        input.end_taken = true;
        ++lanes_ended_;
      }
    }
  }

  bool skipped(size_t index, const Position& last) const {
    const auto found = skips_.find(index);
    if (found == skips_.end()) return false;
    return std::any_of(found->second.begin(), found->second.end(), [&](const Extent& skip) {
      return last.id() > skip.from.id() && last.id() <= skip.to.id();
    });
  }

  void skip_and_restart(size_t index, const Extent& skip) {
    skips_[index].push_back(skip);
    put_skip(node_.batch(), skip);
    start_afresh();
  }

  // A stream program owes something while it has not read what it was fed, and when its input
  // ended.
  void check_stall() {
    const bool owes = run_.stdin_closed() || ahead_bytes() > 0;
    run_.stop_if_stalled(owes && !source_ && node_.may_write_output());
  }

  // ---- output

  void cut_output() {
    // While something is on its way to the log, more is gathered; when it is there, what there is
    // goes.
    while (node_.may_write_output()) {
      if (node_.persisting() && !builder_.full() &&
          builder_.pending_bytes() < BlockBuilder::kUsualPayloadBytes / 2) {
        return;
      }
      std::optional<Cut> cut = builder_.cut();
      if (!cut) return;
      publish(*std::move(cut));
    }
  }

  void publish(Cut cut) {
    CommitState& commit = node_.commit_state();
    if (source_) commit.position.records += cut.records;
    if (replays_) {
      hash_.update(cut.payload());
      commit.out_bytes = published_bytes_ = hash_.bytes();
      commit.out_hash = published_hash_ = hash_.digest();
      if (points_.empty() || published_bytes_ - points_.back().offset >= kPointBytes) {
        points_.push_back({published_bytes_, published_hash_, commit.position.records});
        put_point(node_.batch(), points_.back());
      }
    }
    node_.append(std::move(cut), shape_);
    node_.publish_outputs();
  }

  // More is to be done with it than to cut it into blocks.
  bool looks_at_output() const { return replay_ || settled_left_ > 0; }

  // R5: a source that took over and writes all from its start again: the first records are settled,
  // and not even in its log.
  std::string_view after_settled(std::string_view bytes) {
    while (settled_left_ > 0 && !bytes.empty()) {
      const size_t end = bytes.find(node_.spec().delimiter);
      if (end == std::string_view::npos) return {};
      bytes.remove_prefix(end + 1);
      --settled_left_;
    }
    return bytes;
  }

  void finish_replay(const std::string& fresh) {
    if (replay_->state() == ReplayFilter::State::kComparing) return;
    if (replay_->state() == ReplayFilter::State::kDiffers) output_differs();
    hash_ = replay_->hash();
    replay_.reset();
    append_fresh(fresh);
  }

  void append_fresh(std::string_view fresh) {
    // More than a buffer holds can only be there when a run differs: cut as it fills.
    while (!fresh.empty()) {
      const std::span<uint8_t> room = builder_.space();
      const size_t count = std::min(room.size(), fresh.size());
      builder_.append({reinterpret_cast<const uint8_t*>(fresh.data()), count});
      fresh.remove_prefix(count);
      if (!builder_.full()) continue;
      if (std::optional<Cut> cut = builder_.cut()) publish(*std::move(cut));
    }
  }

  // What was published after the last equal point was made otherwise this time.
  void output_differs() {
    node_.effects().note("wrote something else when it was run again: from byte " +
                         std::to_string(replay_->hash().bytes()) +
                         " of its output on, records may be seen twice");
    if (node_.commit_state().mid_record) abandon_record();
    while (!points_.empty() && points_.back().offset > replay_->hash().bytes()) {
      erase_point(node_.batch(), points_.back());
      points_.pop_back();
    }
    if (!source_) return;
    // What is written now are the records after that point.
    CommitState& commit = node_.commit_state();
    commit.position.records = points_.empty() ? node_.base_records() : points_.back().records;
    records_at_start_ = commit.position.records;
  }

  void abandon_record() {
    node_.append_mark(wire::kAbandonedMark);
    node_.publish_outputs();
  }

  void give_up_if_silent() {
    if (!replay_ || !source_ || settled_left_ > 0 || silent_for_ < kSilence) return;
    std::string fresh;
    replay_->give_up(fresh);
    finish_replay(fresh);
  }

  // ---- ending

  // `whole`: a last record without its delimiter is one all the same.
  void finish(bool whole = true) {
    // Of a source that is ended while it repeats itself, all that is held was published before.
    if (end_wanted_) replay_.reset();
    if (replay_) {
      std::string fresh;
      replay_->give_up(fresh);
      finish_replay(fresh);
    }
    while (std::optional<Cut> cut = builder_.cut()) publish(*std::move(cut));
    if (!whole) builder_.drop();
    if (std::optional<Cut> cut = builder_.cut_rest()) publish(*std::move(cut));
    if (node_.commit_state().mid_record) abandon_record();
    forget_run();
    run_.finish();
  }

  // What is only needed to run the unit once more.
  void forget_run() {
    erase_points(node_.batch());
    fed_.forget(node_.batch());
    erase_skips(node_.batch());
    points_.clear();
  }

  void run_failed(const RunEnd& end) {
    const bool new_records = source_ && node_.commit_state().position.records > records_at_start_;
    if (!run_.may_try_again(end, describe(end), unit(), new_records)) return;
    // A source that is not run from its start again leaves no record open behind it.
    if (!replays_ && node_.commit_state().mid_record) abandon_record();
    restart_after(run_.wait_after(end));
  }

  void restart_after(milliseconds wait) {
    ++run_number_;
    builder_.drop();
    replay_.reset();
    node_.refetch();
    run_.wait(wait);
  }

  // The input is not what it was: a new unit, from what the writers send now; all it writes is new.
  void start_afresh() {
    if (run_.over()) return;
    if (run_.running()) node_.effects().kill_run();
    CommitState& commit = node_.commit_state();
    if (commit.mid_record) abandon_record();
    erase_points(node_.batch());
    fed_.forget(node_.batch());
    points_.clear();
    published_bytes_ = published_hash_ = 0;
    commit.out_bytes = commit.out_hash = 0;
    ++commit.units;
    node_.publish_outputs();
    node_.sync_this_turn();  // So that this unit's name is never given to another.
    restart_after(milliseconds(0));
  }

  std::shared_ptr<BufferPool> pool_;
  wire::Shape shape_;
  BlockBuilder builder_;
  const bool source_;
  const bool replays_;
  uint64_t run_number_ = 0;
  bool end_wanted_ = false;
  uint64_t records_at_start_ = 0;
  uint64_t settled_left_ = 0;  // Of this run: so many records are to come yet that are settled.

  // Feeding.
  std::deque<std::pair<size_t, Portion>> cleared_;  // That they are fed now is in the log.
  size_t clearing_ = 0;                             // That it is, is on its way to the log ...
  size_t clearing_bytes_ = 0;                       // ... and their bytes.
  FedRanges fed_;  // From several lanes; while it has a next() these are what is fed.
  std::map<size_t, std::vector<Extent>> skips_;
  std::optional<size_t> mid_record_input_;
  Position record_from_;
  std::optional<SharedBytes> delimiter_due_;  // Before whatever is fed next.
  size_t next_input_ = 0;
  size_t lanes_ended_ = 0;

  // Output.
  std::string scratch_;
  std::unique_ptr<ReplayFilter> replay_;
  StreamHash hash_;
  std::vector<HashPoint> points_;
  uint64_t published_bytes_ = 0;
  uint64_t published_hash_ = 0;
  SteadyTime::duration silent_for_{};  // Of the program, since its last output.
};

}  // namespace

std::unique_ptr<Runner> make_stream_runner(Node& node, const LogState& state) {
  return std::make_unique<StreamRunner>(node, state);
}

}  // namespace weir::core
