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
#include "wrapper/core/recognizer.h"
#include "wrapper/core/runner.h"
#include "wrapper/core/stall.h"
#include "wrapper/wal/keys.h"

namespace weir::core {
namespace {

using std::chrono::milliseconds;
using wal::key;
using wal::key_end;

constexpr size_t kFeedAheadBytes = 1u << 20;
constexpr uint64_t kPointBytes = 1u << 20;
constexpr size_t kScratchBytes = 64u << 10;
constexpr auto kSilence = std::chrono::seconds(10);

class StreamRunner : public Runner {
 public:
  StreamRunner(Node& node, const LogState& state)
      : node_(node),
        inputs_(node.inputs_for_runner()),
        pool_(std::make_shared<BufferPool>(
            wire::kBlockHeaderBytes + BlockBuilder::kUsualPayloadBytes, 16)),
        shape_(output_shape(node.spec())),
        builder_(pool_, shape_),
        source_(inputs_.empty()),
        recognizes_(!source_ || node.spec().rerun),
        fed_(node.log(), state.fed_chunks, state.fed),
        stall_(node.spec().stall_timeout) {
    if (state.attempts) failed_attempts_ = state.attempts->failed;
    if (state.commit.ended) {
      phase_ = Phase::kEnded;
      return;
    }
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
    silent_for_ += std::min<SteadyTime::duration>(now - now_, 2 * Node::kTickInterval);
    now_ = now;
    switch (phase_) {
      case Phase::kWaiting:
        if (now >= start_at_) start(now);
        break;
      case Phase::kRunning:
        give_up_if_silent();
        feed();
        cut_output();
        check_stall();
        break;
      case Phase::kEnding:
      case Phase::kEnded:
        break;
    }
  }

  std::span<uint8_t> output_space() override {
    if (phase_ != Phase::kRunning) return {};
    if (looks_at_output()) {
      scratch_.resize(kScratchBytes);
      return {reinterpret_cast<uint8_t*>(scratch_.data()), scratch_.size()};
    }
    return builder_.space();
  }

  void on_output(size_t bytes) override {
    silent_for_ = {};
    stall_.progress(now_);
    if (!looks_at_output()) {
      builder_.added(bytes);
      if (builder_.full()) cut_output();
      return;
    }
    const std::string_view after = after_settled(std::string_view(scratch_).substr(0, bytes));
    if (!recognizer_) return append_fresh(after);
    std::string fresh;
    recognizer_->feed({reinterpret_cast<const uint8_t*>(after.data()), after.size()}, fresh);
    finish_recognizing(fresh);
  }

  void on_fed(size_t bytes) override {
    stall_.progress(now_);
    fed_bytes_ -= std::min(fed_bytes_, bytes);
    while (!feeding_.empty() && bytes >= feeding_.front().bytes) {
      bytes -= feeding_.front().bytes;
      const Feeding& fed = feeding_.front();
      if (!fed.last.none()) inputs_[fed.input].reader.set_taken(fed.last);
      feeding_.pop_front();
    }
    if (!feeding_.empty()) feeding_.front().bytes -= bytes;
  }

  void on_stdin_broken() override { stdin_open_ = false; }

  void on_run_end(const RunEnd& end) override {
    if (phase_ != Phase::kRunning) return;
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
    if (phase_ == Phase::kEnding || phase_ == Phase::kEnded) return;
    enough_ = true;
    if (phase_ == Phase::kRunning) {
      node_.effects().close_stdout();
    } else {
      finish();
    }
  }

  void on_end_wanted() override {
    if (phase_ == Phase::kEnding || phase_ == Phase::kEnded) return;
    end_wanted_ = true;
    if (phase_ == Phase::kRunning) {
      node_.effects().terminate_run();
    } else {
      finish(false);
    }
  }

  bool ended() const override { return phase_ == Phase::kEnded; }
  std::string state() const override {
    std::string text = "stream phase " + std::to_string(static_cast<int>(phase_));
    if (recognizer_) text += " recognizing " + std::to_string(recognizer_->held_bytes());
    if (fed_.next()) text += " replays " + fed_.next()->lane + " to " + to_string(fed_.next()->to);
    if (clearing_ > 0) text += " clearing " + std::to_string(clearing_);
    return text + " fed " + std::to_string(fed_bytes_) + " open lanes " +
           std::to_string(inputs_.size() - lanes_ended_);
  }
  bool holds() const override {
    return !source_ && (phase_ == Phase::kRunning || phase_ == Phase::kWaiting);
  }

 private:
  static constexpr int SIGPIPE_NUMBER = 13;
  enum class Phase { kWaiting, kRunning, kEnding, kEnded };
  struct Feeding {
    size_t input;
    Position last;
    size_t bytes;
  };

  // ---- starting

  void start(SteadyTime now) {
    if (enough_) return finish();
    if (!recognizes_ && node_.commit_state().mid_record) abandon_record();
    builder_.drop();
    hash_ = StreamHash();
    recognizer_.reset();
    if (recognizes_ && published_bytes_ > 0) {
      std::vector<HashPoint> points = points_;
      if (points.empty() || points.back().offset < published_bytes_) {
        points.push_back(
            {published_bytes_, published_hash_, node_.commit_state().position.records});
      }
      recognizer_ = std::make_unique<Recognizer>(std::move(points));
    }
    if (Status read = fed_.rewind(); !read) return node_.fail_log(read.error());
    settled_left_ = source_ && recognizes_ ? node_.base_records() : 0;
    feeding_.clear();
    fed_bytes_ = 0;
    cleared_.clear();
    stdin_open_ = true;
    stdin_closed_ = false;
    lanes_ended_ = 0;
    mid_record_input_.reset();
    delimiter_due_.reset();
    for (const Input& input : inputs_) lanes_ended_ += input.end_taken ? 1 : 0;
    silent_for_ = {};
    records_at_start_ = node_.commit_state().position.records;
    phase_ = Phase::kRunning;
    stall_.started(now);
    RunOrder order;
    order.env = unit_environment(node_.order(), unit(), failed_attempts_ + 1);
    if (source_) {
      // A source that is run from its start again has no position to go on from.
      order.env.emplace_back("WEIR_POSITION", recognizes_ ? "0" : node_.records_of_source());
      order.wants_stdin = false;
    }
    node_.effects().start_run(order);
    feed();
  }

  // A stream unit is the same one from its first record to its end, whatever is run again.
  UnitId unit() const {
    const CommitState& commit = node_.commit_state();
    return {commit.of.term, 0, commit.units, ""};
  }

  // ---- feeding

  void feed() {
    if (source_ || stdin_closed_) return;
    feed_cleared();
    while (stdin_open_ && fed_bytes_ < kFeedAheadBytes) {
      const std::optional<size_t> input = fed_.next() ? replay_input() : choose_input();
      if (!input || !feed_from(*input)) break;
    }
    if (!stdin_open_) discard_input();
    const bool all_ended = lanes_ended_ == inputs_.size();
    if (all_ended && feeding_.empty() && cleared_.empty() && clearing_ == 0) {
      stdin_closed_ = true;
      node_.effects().close_stdin();
    }
  }

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
    if (delimiter_due_) {
      const SharedBytes delimiter = *std::exchange(delimiter_due_, std::nullopt);
      feeding_.push_back({index, {}, delimiter.size});
      fed_bytes_ += delimiter.size;
      node_.effects().feed(delimiter);
    }
    if (portion.open_end) delimiter_due_ = missing_delimiter(portion);
    feeding_.push_back({index, portion.last, portion.bytes.size});
    fed_bytes_ += portion.bytes.size;
    node_.effects().feed(portion.bytes);
  }

  // With several lanes the order in which they are fed is logged first, so that a second run gets
  // the same.
  void log_and_feed(size_t index, Portion portion) {
    const uint64_t chunk = fed_.add(inputs_[index].name, portion.last, node_.batch());
    fed_bytes_ += portion.bytes.size;
    ++clearing_;
    const uint64_t run = run_;
    node_.when_persisted([this, run, chunk, index, portion = std::move(portion)] {
      --clearing_;
      if (run != run_ || phase_ != Phase::kRunning) return;
      fed_.persisted(chunk);
      cleared_.emplace_back(index, portion);
    });
  }

  void feed_cleared() {
    for (auto& [index, portion] : cleared_) {
      fed_bytes_ -= std::min(fed_bytes_, portion.bytes.size);
      if (stdin_open_) hand_over(index, portion);
    }
    cleared_.clear();
  }

  // The program reads no more: what comes is taken and dropped until it exits.
  void discard_input() {
    feeding_.clear();
    fed_bytes_ = 0;
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
    node_.batch().put(key(wal::kSkip, inputs_[index].name + "/" + to_string(skip.to)),
                      encode(skip));
    start_afresh();
  }

  // A stream program owes something while it has not read what it was fed, and when its input
  // ended.
  void check_stall() {
    const bool owes = (stdin_closed_ || fed_bytes_ > 0) && !source_ && node_.may_write_output();
    if (!stall_.stalled(now_, owes, node_.effects())) return;
    node_.effects().note(stall_.reason());
    node_.effects().terminate_run();
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
    if (recognizes_) {
      hash_.update(cut.payload());
      commit.out_bytes = published_bytes_ = hash_.bytes();
      commit.out_hash = published_hash_ = hash_.digest();
      if (points_.empty() || published_bytes_ - points_.back().offset >= kPointBytes) {
        points_.push_back({published_bytes_, published_hash_, commit.position.records});
        node_.batch().put(key(wal::kPoint, published_bytes_), encode(points_.back()));
      }
    }
    node_.append(std::move(cut), shape_);
    node_.publish_outputs();
  }

  // More is to be done with it than to cut it into blocks.
  bool looks_at_output() const { return recognizer_ || settled_left_ > 0; }

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

  void finish_recognizing(const std::string& fresh) {
    if (recognizer_->state() == Recognizer::State::kRecognizing) return;
    if (recognizer_->state() == Recognizer::State::kDiffers) output_differs();
    hash_ = recognizer_->hash();
    recognizer_.reset();
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
                         std::to_string(recognizer_->hash().bytes()) +
                         " of its output on, records may be seen twice");
    if (node_.commit_state().mid_record) abandon_record();
    while (!points_.empty() && points_.back().offset > recognizer_->hash().bytes()) {
      node_.batch().erase(key(wal::kPoint, points_.back().offset));
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
    if (!recognizer_ || !source_ || settled_left_ > 0 || silent_for_ < kSilence) return;
    std::string fresh;
    recognizer_->give_up(fresh);
    finish_recognizing(fresh);
  }

  // ---- ending

  // `whole`: a last record without its delimiter is one all the same.
  void finish(bool whole = true) {
    // Of a source that is ended while it repeats itself, all that is held was published before.
    if (end_wanted_) recognizer_.reset();
    if (recognizer_) {
      std::string fresh;
      recognizer_->give_up(fresh);
      finish_recognizing(fresh);
    }
    phase_ = Phase::kEnding;
    while (std::optional<Cut> cut = builder_.cut()) publish(*std::move(cut));
    if (!whole) builder_.drop();
    if (std::optional<Cut> cut = builder_.cut_rest()) publish(*std::move(cut));
    if (node_.commit_state().mid_record) abandon_record();
    forget_run();
    node_.end_lane([this] { phase_ = Phase::kEnded; });
  }

  // What is only needed to run the unit once more.
  void forget_run() {
    node_.batch().erase_range(key(wal::kPoint), key_end(wal::kPoint));
    fed_.forget(node_.batch());
    node_.batch().erase_range(key(wal::kSkip), key_end(wal::kSkip));
    points_.clear();
  }

  void run_failed(const RunEnd& end) {
    if (is_hopeless(end)) return node_.fail(describe(end));
    if (counts_as_attempt(end)) {
      const bool new_records = source_ && node_.commit_state().position.records > records_at_start_;
      failed_attempts_ = new_records ? 1 : failed_attempts_ + 1;
      node_.batch().put(key(wal::kAttempts), encode(Attempts{unit(), failed_attempts_}));
      if (failed_attempts_ > node_.spec().retries) {
        return node_.fail(describe(end) + ", " + std::to_string(failed_attempts_) +
                          " times; last words: " + last_line(end.stderr_tail));
      }
      node_.effects().note(describe(end) + "; attempt " + std::to_string(failed_attempts_) +
                           " of " + std::to_string(node_.spec().retries + 1));
    }
    // A source that is not run from its start again leaves no record open behind it.
    if (!recognizes_ && node_.commit_state().mid_record) abandon_record();
    restart_after(end.kind == RunEnd::Kind::kLost ? node_.spec().backoff_first
                                                  : backoff(node_.spec(), failed_attempts_));
  }

  void restart_after(milliseconds wait) {
    ++run_;
    phase_ = Phase::kWaiting;
    start_at_ = now_ + wait;
    builder_.drop();
    recognizer_.reset();
    node_.refetch();
    node_.effects().wake_at(start_at_);
  }

  // The input is not what it was: a new unit, from what the writers send now; all it writes is new.
  void start_afresh() {
    if (phase_ != Phase::kRunning && phase_ != Phase::kWaiting) return;
    if (phase_ == Phase::kRunning) node_.effects().kill_run();
    CommitState& commit = node_.commit_state();
    if (commit.mid_record) abandon_record();
    node_.batch().erase_range(key(wal::kPoint), key_end(wal::kPoint));
    fed_.forget(node_.batch());
    points_.clear();
    published_bytes_ = published_hash_ = 0;
    commit.out_bytes = commit.out_hash = 0;
    ++commit.units;
    node_.publish_outputs();
    node_.sync_this_turn();  // So that this unit's name is never given to another.
    restart_after(milliseconds(0));
  }

  Node& node_;
  std::vector<Input>& inputs_;
  std::shared_ptr<BufferPool> pool_;
  wire::Shape shape_;
  BlockBuilder builder_;
  const bool source_;
  const bool recognizes_;
  Phase phase_ = Phase::kWaiting;
  SteadyTime now_{};
  SteadyTime start_at_{};
  uint64_t run_ = 0;
  uint32_t failed_attempts_ = 0;
  bool enough_ = false;
  bool end_wanted_ = false;
  uint64_t records_at_start_ = 0;
  uint64_t settled_left_ = 0;  // Of this run: so many records are to come yet that are settled.

  // Feeding.
  std::deque<Feeding> feeding_;  // Handed to the shell, not yet written.
  size_t fed_bytes_ = 0;
  std::deque<std::pair<size_t, Portion>> cleared_;  // That they are fed now is in the log.
  size_t clearing_ = 0;
  FedRanges fed_;  // From several lanes; while it has a next() these are what is fed.
  std::map<size_t, std::vector<Extent>> skips_;
  std::optional<size_t> mid_record_input_;
  Position record_from_;
  std::optional<SharedBytes> delimiter_due_;  // Before whatever is fed next.
  size_t next_input_ = 0;
  size_t lanes_ended_ = 0;
  bool stdin_open_ = true;
  bool stdin_closed_ = false;

  // Output.
  std::string scratch_;
  std::unique_ptr<Recognizer> recognizer_;
  StreamHash hash_;
  std::vector<HashPoint> points_;
  uint64_t published_bytes_ = 0;
  uint64_t published_hash_ = 0;
  SteadyTime::duration silent_for_{};  // Of the program, since its last output.
  StallWatch stall_;
};

}  // namespace

std::unique_ptr<Runner> make_stream_runner(Node& node, const LogState& state) {
  return std::make_unique<StreamRunner>(node, state);
}

}  // namespace weir::core
