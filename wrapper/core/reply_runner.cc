// `lines` and `frames` with inputs (design 4): a long-running program that answers each input with
// exactly one output, in order. Up to `in_flight` inputs go ahead of their replies; each reply
// commits its input, grouped per loop turn.
//
//   Waiting --input is there--> Running --all lanes ended, all answered, exit--> Ending --> Ended
//      ^                           |
//      '--------backoff------------'  it ended, or broke the protocol: what is unanswered is fed
//      again
//
// R9: after `retries` failures in a row what was unanswered goes one at a time, which names the
// culprit: a suspect. It is put aside until the next answer shows that the program works, is asked
// once more, and if it fails again becomes a dead letter together with that answer. After
// `max_dead` suspects without an answer all are asked again: an outage is not poison. So are
// suspects behind which no input comes; `retries` + 1 times if the input has ended.
//
// R12: a program that has read all it was asked, owes answers and does nothing may be one that
// keeps them until it has a bufferful, or no more input. So after `stall_timeout` its stdin is
// closed: if it answers then, it has done its work, and another run of it takes what comes; only if
// that does not help either is it hung.
//
// A dead letter that is to be tried again is asked when all else is answered, alone, and its answer
// and its removal are one commit. It says nothing about suspects.
#include <algorithm>
#include <deque>
#include <optional>

#include "schema/graph/buffering.h"
#include "wrapper/core/dead_letters.h"
#include "wrapper/core/poison.h"
#include "wrapper/core/program_runner.h"
#include "wrapper/core/replies.h"
#include "wrapper/core/suspects.h"

namespace weir::core {
namespace {

using std::chrono::milliseconds;

constexpr uint64_t kFeedPortionBytes = 256u << 10;
constexpr size_t kFeedAheadBytes = 4u << 20;
// After a dead letter has failed, for other inputs: they are fetched again then.
constexpr milliseconds kDeadLetterPause{200};
constexpr size_t kNoInput = SIZE_MAX;  // In place of an input: it is a dead letter.

class ReplyRunner : public ProgramRunner {
 public:
  ReplyRunner(Node& node, const LogState& state)
      : ProgramRunner(node, state),
        frames_(node.spec().protocol == graph::Protocol::kFrames),
        poison_(node, consumed_before()),
        replies_(node.spec()),
        answered_(inputs_.size()) {
    if (run_.failed() > node.spec().retries) careful_ = node.spec().in_flight;
  }

  void turn(SteadyTime now) override {
    run_.begin_turn(now);
    if (run_.due()) return start_if_needed();
    if (!run_.running()) return;
    feed();
    if (!commit_replies()) return;
    if (suspects_.empty()) commit_drained_lanes([this](size_t input) { return is_asked(input); });
    if (in_flight_ == 0 && suspects_.only_these_left(inputs_)) ask_suspects_again();
    check_stall();
  }

  std::span<uint8_t> output_space() override {
    return run_.running() ? replies_.space() : std::span<uint8_t>();
  }

  void on_output(size_t bytes) override {
    run_.on_output();
    if (run_.broken()) return;
    ReplyReader::Got got = replies_.added(bytes, in_flight_, empty_);
    if (got.replies > 0) answered(got.replies);
    if (got.broken) run_.break_off(*std::move(got.broken));
  }

  void on_run_end(const RunEnd& end) override {
    if (!run_.running()) return;
    if (enough_) return run_.finish();
    if (!commit_replies()) return;
    const UnitRun::Outcome outcome = run_.outcome(end, unfinished());
    if (!outcome.well) return failed(outcome.why, end);
    node_.count_exit(end);
    if (drained_) note_buffering();
    if (all_taken()) return end_of_input();
    // It went with nothing owed: started again for what comes.
    run_.wait(drained_ ? milliseconds(0) : node_.spec().backoff_first);
  }

  void on_rewound(size_t input, const Position& keep) override {
    const Position& consumed = inputs_[input].consumed;
    if (consumed == inputs_[input].durable.frontier ||
        (consumed.of == keep.of && consumed.seq <= keep.seq)) {
      return;
    }
    if (!run_.running()) return node_.refetch();
    node_.effects().kill_run();
    start_over(milliseconds(0));
  }

  void on_meeting(size_t input) override { suspects_.forget_lost(input, inputs_[input].reader); }

  void on_enough() override {
    enough_ = true;
    if (run_.running()) node_.effects().kill_run();
    if (!run_.over()) run_.finish();
  }

  bool can_retry() const override { return !enough_ && !run_.over(); }
  void on_retried_dropped() override {
    if (!run_.running()) return;
    node_.effects().kill_run();
    start_over(milliseconds(0));
  }
  std::string state() const override {
    return std::string("replies: ") + run_.state() + ", in flight " + std::to_string(in_flight_) +
           " failed " + std::to_string(run_.failed()) + " careful " + std::to_string(careful_) +
           " suspects " + std::to_string(suspects_.size());
  }

 private:
  struct Asked {  // Inputs that were fed together, in order.
    size_t input;
    RecordId first;  // Where the first of them begins.
    Position last;
    uint32_t left;    // Not yet answered.
    bool joined;      // One record that came in several pieces.
    Portion portion;  // Kept while one at a time: it may be the culprit.
  };

  // What the program has left undone, were it to end now.
  std::string unfinished() const {
    if (in_flight_ > 0) return " with " + std::to_string(in_flight_) + " inputs unanswered";
    return replies_.empty() ? "" : " in the middle of a reply";
  }

  // ---- feeding

  void start_if_needed() {
    if (enough_) return run_.finish();
    bool any = dead_letter_due();
    for (size_t i = 0; i < inputs_.size(); ++i) {
      skip_suspects(i);
      any = any || inputs_[i].inbox.has_whole();
    }
    if (fail_if_oversized(needs_whole())) return;
    if (any) return start();
    if (all_taken()) return end_of_input();
    if (suspects_.only_these_left(inputs_)) ask_suspects_again();
  }

  void start() {
    drained_ = false;
    poison_.on_start();
    const CommitState& commit = node_.commit_state();
    run_.start({{commit.of.term, commit.of.boot, ++runs_, ""}, run_.failed() + 1});
    feed();
  }

  uint64_t window() const { return single() ? 1 : node_.spec().in_flight; }
  // One at a time, so that whatever fails stands alone.
  bool single() const { return careful_ > 0 || !suspects_.empty(); }

  void feed() {
    if (feed_dead_letter()) return;
    while (run_.reads_stdin() && !run_.broken() && !drained_ && in_flight_ < window() &&
           run_.unwritten_bytes() < kFeedAheadBytes) {
      if (!feed_from_each()) break;
      next_input_ = (next_input_ + 1) % inputs_.size();
    }
    if (fail_if_oversized(needs_whole())) return;
    for (Input& input : inputs_) take_marks(input);  // A full window must not hide the end.
    // Also with answers outstanding: one that never comes is told by the exit (R11), not by time.
    if (all_taken() && !run_.stdin_closed()) run_.close_stdin();
  }

  // False if there was nothing, or the next one has to wait.
  bool feed_from_each() {
    bool any = false;
    for (size_t i = 0; i < inputs_.size() && in_flight_ < window(); ++i) {
      const size_t index = (next_input_ + i) % inputs_.size();
      const Inbox& inbox = inputs_[index].inbox;
      // A large record goes when the one before it is gone: two of them need not be in memory.
      if (inbox.front_is_continued() && inbox.has_whole() && run_.unwritten_bytes() > 0) {
        next_input_ = index;
        return false;
      }
      any = feed_from(index) || any;
    }
    return any;
  }

  bool dead_letter_due() {
    if (!node_.dead().wants_retry()) return false;
    if (run_.now() < dead_letter_at_) node_.effects().wake_at(dead_letter_at_);
    return run_.now() >= dead_letter_at_;
  }

  // True while one waits for the answers before it, or has not been answered itself.
  bool feed_dead_letter() {
    if (node_.dead().under_way()) return true;
    if (!dead_letter_due()) return false;
    for (Input& input : inputs_) take_marks(input);
    // Behind the last input comes the end of stdin: some programs answer only then.
    if (in_flight_ > 0 && all_taken()) return false;
    const bool takes_input = run_.reads_stdin() && !run_.stdin_closed() && !run_.broken();
    if (in_flight_ > 0 || any_reply_ || !takes_input) return true;
    Result<std::optional<DeadLetter>> letter = node_.dead().read(*node_.dead().take());
    if (!letter) return node_.fail(letter.error().what), true;
    if (!letter->has_value()) return node_.dead().set_done(), true;
    Portion record;
    record.bytes = SharedBytes::copy_of((*letter)->bytes);
    record.pieces = 1;
    in_flight_ = 1;
    asked_.push_back({kNoInput, {}, {}, 1, true, {}});
    empty_.asked(record, node_.spec().delimiter);
    run_.feed(0, {}, encoded(record));
    if (all_taken()) run_.close_stdin();
    return true;
  }

  bool feed_from(size_t index) {
    Input& input = inputs_[index];
    skip_suspects(index);
    if (input.inbox.front_pieces_bytes() > kRecordBytesMax) return false;
    const RecordId first = input.inbox.front_id();
    // Alone it may become a dead letter: those are one run of bytes without a length.
    const bool alone = single();
    std::vector<SharedBytes> pieces;
    std::optional<Portion> portion =
        input.inbox.front_is_continued() && !alone
            ? input.inbox.take_pieces(pieces)
            : input.inbox.take_records(
                  window() - in_flight_, kFeedPortionBytes,
                  frames_ && !alone ? FrameLengths::kKept : FrameLengths::kStripped);
    if (!portion) return false;
    input.consumed = portion->last;
    if (portion->mark) {
      input.end_taken = input.end_taken || portion->is_end();
      input.reader.set_taken(portion->last);
      return true;
    }
    const bool joined = !pieces.empty() || (portion->pieces > 1 && is_one_record(*portion));
    const uint32_t records = joined ? 1 : portion->pieces;
    in_flight_ += records;
    if (joined || frames_) {
      empty_.asked_others(records);
    } else {
      empty_.asked(*portion, node_.spec().delimiter);
    }
    asked_.push_back({index, first, portion->last, records, joined, alone ? *portion : Portion{}});
    run_.feed(index, portion->last, pieces.empty() ? encoded(*portion) : around(std::move(pieces)));
    return true;
  }

  void take_marks(Input& input) {
    while (input.inbox.front_is_mark()) {
      const std::optional<Portion> mark = input.inbox.take_block();
      input.consumed = mark->last;
      input.reader.set_taken(mark->last);
      if (mark->is_end()) input.end_taken = true;
    }
  }

  // What is put aside is not asked again now.
  void skip_suspects(size_t index) {
    Input& input = inputs_[index];
    take_marks(input);
    while (input.inbox.has_whole()) {
      if (!suspects_.passed_over(index, input.inbox.front_id())) return;
      input.consumed = input.inbox.take_records(1, kFeedPortionBytes)->last;
      input.reader.set_taken(input.consumed);
      take_marks(input);
    }
  }

  std::vector<SharedBytes> encoded(const Portion& portion) const {
    return encode_input(portion, frames_, node_.spec().delimiter);
  }

  // A record in pieces is not joined: it may be large.
  std::vector<SharedBytes> around(std::vector<SharedBytes> pieces) const {
    if (frames_) {
      size_t size = 0;
      for (const SharedBytes& piece : pieces) size += piece.size;
      pieces.insert(pieces.begin(), frame_length(size));
    } else if (!pieces.back().view().ends_with(node_.spec().delimiter)) {
      pieces.push_back(SharedBytes::copy_of(&node_.spec().delimiter, 1));
    }
    return pieces;
  }

  std::string needs_whole() const {
    return std::string("protocol = \"") + (frames_ ? "frames" : "lines") + "\"";
  }

  // ---- replies

  // So many inputs more, in the order in which they were fed.
  void answered(uint64_t replies) {
    in_flight_ -= replies;
    empty_.answered(replies);
    while (replies > 0) {
      Asked& asked = asked_.front();
      const uint64_t count = std::min<uint64_t>(replies, asked.left);
      replies -= count;
      asked.left -= static_cast<uint32_t>(count);
      if (asked.input == kNoInput) {
        letter_answered_ = true;
      } else {
        any_reply_ = true;
        careful_ -= std::min(careful_, count);
        answered_[asked.input] = {asked.last.of, asked.last.seq - (asked.joined ? 0 : asked.left)};
        suspects_.forget_answered(asked.input, asked.first);
      }
      if (asked.left == 0) asked_.pop_front();
    }
  }

  // False if they are not committed: what was put aside is asked once more first, and the run
  // is over.
  bool commit_replies() {
    if (std::exchange(letter_answered_, false)) commit_letter();
    if (!any_reply_) return true;
    if (suspects_.any_aside()) {
      ask_those_aside_first();
      return false;
    }
    any_reply_ = false;
    idle_failures_ = 0;
    poison_.on_success();
    suspects_.write_confirmed(node_, answered_);
    if (!single() && run_.failed() > 0) run_.forget_failed();
    append_replies();
    std::vector<Frontier> frontiers;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (!answered_[i].none()) frontiers.push_back({i, answered_[i], false, false});
      answered_[i] = {};
    }
    node_.commit_unit(frontiers);
    return true;
  }

  // Something of this input is not answered, or its answer is not committed.
  bool is_asked(size_t input) const {
    return !answered_[input].none() ||
           std::any_of(asked_.begin(), asked_.end(),
                       [&](const Asked& asked) { return asked.input == input; });
  }

  void append_replies() {
    for (Cut& cut : replies_.take()) node_.append(std::move(cut), output_shape(node_.spec()));
  }

  // It was asked alone: what there is, is its answer.
  void commit_letter() {
    append_replies();
    accept_retried(node_);
  }

  // ---- failing

  void failed(const std::string& why, const RunEnd& end) {
    if (is_hopeless(end)) return node_.fail(describe(end));
    if (node_.dead().under_way()) return letter_failed(why, end);
    if (!run_.counts(end)) {
      if (end.kind != RunEnd::Kind::kLost) node_.effects().note(why + ": tried again later");
      return start_over(poison_.wait_for_later());
    }
    run_.put_failed({}, run_.failed() + 1);
    if (!asked_.empty() && asked_.front().portion.pieces > 0) return put_aside(why, end);
    if (in_flight_ > 0) {
      if (run_.failed() > node_.spec().retries) careful_ = in_flight_;
    } else if (++idle_failures_ > node_.spec().retries) {
      // It is not about any record.
      return node_.fail(why + ", " + std::to_string(idle_failures_) +
                        " times; last line of its stderr: " + last_line(end.stderr_tail));
    }
    note_attempt(node_, why, run_.failed());
    start_over(backoff(node_.spec(), run_.failed()));
  }

  // How a program ends that is stopped for breaking its protocol says nothing.
  Failure failure(const std::string& why, const RunEnd& end, uint32_t attempts) const {
    Failure failure{end, why, attempts};
    if (run_.broken()) failure.end.kind = RunEnd::Kind::kLost;
    return failure;
  }

  // It was asked nothing but a dead letter.
  void letter_failed(const std::string& why, const RunEnd& end) {
    dead_letter_at_ = run_.now() + kDeadLetterPause;
    switch (fate_of_retried(node_, failure(why, end, 1), run_.counts(end))) {
      case RetriedFate::kWaits:  // start_over() puts it back.
      case RetriedFate::kLater:
        return start_over(poison_.wait_for_later());
      case RetriedFate::kStays:
        return start_over(node_.spec().backoff_first);
    }
  }

  // It failed while it had one record to answer.
  void put_aside(const std::string& why, const RunEnd& end) {
    const Asked& asked = asked_.front();
    Failure failed_so = failure(why, end, run_.failed());
    if (suspects_.failed_again(asked.input, asked.first, failed_so)) {
      return start_over(node_.spec().backoff_first);
    }
    poison_.note_aside(inputs_[asked.input].name, failed_so);
    suspects_.add(asked.input, asked.first, asked.portion, std::move(failed_so));
    if (careful_ > 0) --careful_;
    if (!poison_.is_outage(suspects_.size())) return start_over(node_.spec().backoff_first);
    careful_ += suspects_.size();
    suspects_.clear();
    start_over(poison_.outage_wait());
  }

  // The program works: was it an outage? All that failed once more, then what was answered. Also
  // what failed twice: with another one aside, it may have been for the same cause.
  void ask_those_aside_first() {
    suspects_.ask_again(true);
    node_.effects().kill_run();
    start_over(milliseconds(0));
  }

  void ask_suspects_again() {
    if (!poison_.round_due(run_.now())) return;
    suspects_.ask_again(false);
    if (run_.running()) node_.effects().kill_run();
    start_over(milliseconds(0));
  }

  void start_over(milliseconds wait_for) {
    drop_run();
    run_.wait(wait_for);
  }

  void drop_run() {
    node_.dead().put_back();
    letter_answered_ = false;
    asked_.clear();
    run_.forget_fed();
    in_flight_ = 0;
    replies_.clear();
    empty_.clear();
    any_reply_ = false;
    std::fill(answered_.begin(), answered_.end(), Position{});
    node_.refetch();
  }

  // ---- R12

  void check_stall() {
    // An answer, or when there is no more input its exit.
    const bool owes =
        (in_flight_ > 0 || run_.stdin_closed()) && !run_.broken() && node_.may_write_output();
    if (!run_.stalled(owes)) return;
    const bool has_read_all =
        run_.unwritten_bytes() == 0 && node_.effects().run_unread_bytes() == 0;
    if (run_.stdin_closed() || !has_read_all) return run_.break_off(run_.stall_reason());
    drained_ = true;
    run_.close_stdin();
  }

  void note_buffering() {
    const graph::NodeSpec& spec = node_.spec();
    const auto known = graph::buffering_filter(spec.run);
    std::string remedy = known ? known->remedy : std::string();
    if ((!known || known->stdbuf_helps) && spec.buffering != graph::Buffering::kLine) {
      remedy += (remedy.empty() ? "" : ", or ") + std::string("buffering = \"line\"");
    }
    if (remedy.empty()) remedy = "an option of its own: stdbuf does not reach it";
    node_.effects().note(
        "it buffers its output: what it owed came only when its input was closed, after " +
        std::to_string(spec.stall_timeout.count()) +
        " ms without progress (stall_timeout); what helps is " + remedy);
  }

  // ---- ending

  void end_of_input() {
    if (node_.dead().wants_retry()) {
      const auto pause = std::chrono::ceil<milliseconds>(dead_letter_at_ - run_.now());
      return run_.wait(std::max(pause, milliseconds(0)));
    }
    if (suspects_.empty()) return run_.finish();
    if (poison_.fail_if_none_succeeded(suspects_.last_failure())) return;
    if (!poison_.rounds_are_over()) return ask_suspects_again();
    suspects_.confirm_all();
    suspects_.write_confirmed(node_, answered_);
    run_.finish();
  }

  const bool frames_;
  uint64_t runs_ = 0;
  uint32_t idle_failures_ = 0;  // Of the failed runs in a row, those with nothing to answer.
  uint64_t careful_ = 0;        // So many go one at a time yet.

  // Feeding.
  std::deque<Asked> asked_;
  uint64_t in_flight_ = 0;
  size_t next_input_ = 0;
  bool drained_ = false;  // stdin is closed so that it gives the answers that it keeps back.
  Suspects suspects_;
  PoisonRounds poison_;

  // Replies.
  ReplyReader replies_;
  EmptyInputs empty_;
  std::vector<Position> answered_;  // Of each input, in this turn; none: nothing.
  bool any_reply_ = false;
  SteadyTime dead_letter_at_{};   // The next one not before.
  bool letter_answered_ = false;  // The dead letter under way; its answer is not committed.
};

}  // namespace

std::unique_ptr<Runner> make_reply_runner(Node& node, const LogState& state) {
  return std::make_unique<ReplyRunner>(node, state);
}

}  // namespace weir::core
