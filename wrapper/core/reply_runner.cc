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
#include "wrapper/core/replies.h"
#include "wrapper/core/runner.h"
#include "wrapper/core/stall.h"
#include "wrapper/core/suspects.h"
#include "wrapper/wal/keys.h"

namespace weir::core {
namespace {

using std::chrono::milliseconds;
using wal::key;

constexpr uint64_t kFeedPortionBytes = 256u << 10;
constexpr size_t kFeedAheadBytes = 4u << 20;
// After a dead letter has failed, for other inputs: they are fetched again then.
constexpr milliseconds kDeadLetterPause{200};
constexpr size_t kNoInput = SIZE_MAX;  // In place of an input: it is a dead letter.

class ReplyRunner : public Runner {
 public:
  ReplyRunner(Node& node, const LogState& state)
      : node_(node),
        inputs_(node.inputs_for_runner()),
        frames_(node.spec().protocol == graph::Protocol::kFrames),
        replies_(node.spec()),
        answered_(inputs_.size()),
        stall_(node.spec().stall_timeout) {
    if (state.commit.ended) phase_ = Phase::kEnded;
    if (state.attempts) failed_ = state.attempts->failed;
    if (failed_ > node.spec().retries) careful_ = node.spec().in_flight;
    // Only an answer moves a frontier.
    succeeded_ = std::any_of(inputs_.begin(), inputs_.end(),
                             [](const Input& input) { return !input.durable.frontier.none(); });
  }

  void turn(SteadyTime now) override {
    now_ = now;
    switch (phase_) {
      case Phase::kWaiting:
        if (now >= start_at_) start_if_needed();
        break;
      case Phase::kRunning:
        feed();
        if (!commit_replies()) break;
        if (in_flight_ == 0 && suspects_.only_these_left(inputs_)) ask_suspects_again();
        check_stall();
        break;
      case Phase::kEnding:
      case Phase::kEnded:
        break;
    }
  }

  std::span<uint8_t> output_space() override {
    return phase_ == Phase::kRunning ? replies_.space() : std::span<uint8_t>();
  }

  void on_output(size_t bytes) override {
    progress();
    if (broken_) return;
    ReplyReader::Got got = replies_.added(bytes, in_flight_, empty_);
    if (got.replies > 0) answered(got.replies);
    if (got.broken) break_off(*std::move(got.broken));
  }

  void on_fed(size_t bytes) override {
    progress();
    fed_bytes_ -= std::min(fed_bytes_, bytes);
    while (!feeding_.empty() && bytes >= feeding_.front().bytes) {
      bytes -= feeding_.front().bytes;
      const auto& [input, last, fed] = feeding_.front();
      if (input != kNoInput) inputs_[input].reader.set_taken(last);
      feeding_.pop_front();
    }
    if (!feeding_.empty()) feeding_.front().bytes -= bytes;
  }

  void on_stdin_broken() override { stdin_open_ = false; }

  void on_run_end(const RunEnd& end) override {
    if (phase_ != Phase::kRunning) return;
    if (enough_) return finish();
    if (!commit_replies()) return;
    if (broken_) return failed(*broken_, end);
    if (!accepted(node_.spec(), end)) return failed(describe(end), end);
    if (in_flight_ > 0) {
      return failed(describe(end) + " with " + std::to_string(in_flight_) + " inputs unanswered",
                    end);
    }
    if (!replies_.empty()) return failed(describe(end) + " in the middle of a reply", end);
    node_.count_exit(end);
    if (drained_) note_buffering();
    if (all_taken()) return end_of_input();
    // It went with nothing owed: started again for what comes.
    wait(drained_ ? milliseconds(0) : node_.spec().backoff_first);
  }

  void on_rewound(size_t input, const Position& keep) override {
    const Position& consumed = inputs_[input].consumed;
    if (consumed == inputs_[input].durable.frontier ||
        (consumed.of == keep.of && consumed.seq <= keep.seq)) {
      return;
    }
    if (phase_ != Phase::kRunning) return node_.refetch();
    node_.effects().kill_run();
    start_over(milliseconds(0));
  }

  void on_meeting(size_t input) override { suspects_.forget_lost(input, inputs_[input].reader); }

  void on_enough() override {
    enough_ = true;
    if (phase_ == Phase::kRunning) node_.effects().kill_run();
    if (phase_ == Phase::kRunning || phase_ == Phase::kWaiting) finish();
  }

  bool can_retry() const override {
    return !enough_ && phase_ != Phase::kEnding && phase_ != Phase::kEnded;
  }
  void on_retried_dropped() override {
    if (phase_ != Phase::kRunning) return;
    node_.effects().kill_run();
    start_over(milliseconds(0));
  }
  bool ended() const override { return phase_ == Phase::kEnded; }
  bool holds() const override { return false; }
  std::string state() const override {
    return "replies phase " + std::to_string(static_cast<int>(phase_)) + " in flight " +
           std::to_string(in_flight_) + " failed " + std::to_string(failed_) + " careful " +
           std::to_string(careful_) + " suspects " + std::to_string(suspects_.size());
  }

 private:
  enum class Phase { kWaiting, kRunning, kEnding, kEnded };
  struct Asked {  // Inputs that were fed together, in order.
    size_t input;
    RecordId first;  // Where the first of them begins.
    Position last;
    uint32_t left;    // Not yet answered.
    bool joined;      // One record that came in several pieces.
    Portion portion;  // Kept while one at a time: it may be the culprit.
  };
  struct Feeding {
    size_t input;
    Position last;
    size_t bytes;
  };
  // ---- feeding

  void start_if_needed() {
    if (enough_) return finish();
    bool any = dead_letter_due();
    for (size_t i = 0; i < inputs_.size(); ++i) {
      skip_suspects(i);
      any = any || inputs_[i].inbox.has_whole();
    }
    if (check_oversized()) return;
    if (any) return start();
    if (all_taken()) return end_of_input();
    if (suspects_.only_these_left(inputs_)) ask_suspects_again();
  }

  void start() {
    phase_ = Phase::kRunning;
    broken_.reset();
    stdin_open_ = true;
    stdin_closed_ = false;
    drained_ = false;
    round_at_.reset();
    stall_.started(now_);
    RunOrder order;
    const CommitState& commit = node_.commit_state();
    order.env =
        unit_environment(node_.order(), {commit.of.term, commit.of.boot, ++runs_, ""}, failed_ + 1);
    node_.effects().start_run(order);
    feed();
  }

  uint64_t window() const { return single() ? 1 : node_.spec().in_flight; }
  // One at a time, so that whatever fails stands alone.
  bool single() const { return careful_ > 0 || !suspects_.empty(); }

  void feed() {
    if (feed_dead_letter()) return;
    while (stdin_open_ && !broken_ && !drained_ && in_flight_ < window() &&
           fed_bytes_ < kFeedAheadBytes) {
      if (!feed_from_each()) break;
      next_input_ = (next_input_ + 1) % inputs_.size();
    }
    if (check_oversized()) return;
    for (Input& input : inputs_) take_marks(input);  // A full window must not hide the end.
    // Also with answers outstanding: one that never comes is told by the exit (R11), not by time.
    if (all_taken() && !stdin_closed_) {
      stdin_closed_ = true;
      node_.effects().close_stdin();
    }
  }

  // False if there was nothing, or the next one has to wait.
  bool feed_from_each() {
    bool any = false;
    for (size_t i = 0; i < inputs_.size() && in_flight_ < window(); ++i) {
      const size_t index = (next_input_ + i) % inputs_.size();
      const Inbox& inbox = inputs_[index].inbox;
      // A large record goes when the one before it is gone: two of them need not be in memory.
      if (inbox.front_is_continued() && inbox.has_whole() && fed_bytes_ > 0) {
        next_input_ = index;
        return false;
      }
      any = feed_from(index) || any;
    }
    return any;
  }

  bool dead_letter_due() {
    if (!node_.dead().wants_retry()) return false;
    if (now_ < dead_letter_at_) node_.effects().wake_at(dead_letter_at_);
    return now_ >= dead_letter_at_;
  }

  // True while one waits for the answers before it, or has not been answered itself.
  bool feed_dead_letter() {
    if (node_.dead().under_way()) return true;
    if (!dead_letter_due()) return false;
    for (Input& input : inputs_) take_marks(input);
    // Behind the last input comes the end of stdin: some programs answer only then.
    if (in_flight_ > 0 && all_taken()) return false;
    if (in_flight_ > 0 || any_reply_ || !stdin_open_ || stdin_closed_ || broken_) return true;
    Result<std::optional<DeadLetter>> letter = node_.dead().read(*node_.dead().take());
    if (!letter) return node_.fail(letter.error().what), true;
    if (!letter->has_value()) return node_.dead().set_done(), true;
    Portion record;
    record.bytes = SharedBytes::copy_of((*letter)->bytes);
    record.pieces = 1;
    in_flight_ = 1;
    asked_.push_back({kNoInput, {}, {}, 1, true, {}});
    empty_.asked(record, node_.spec().delimiter);
    hand_on(kNoInput, {}, encoded(record));
    if (all_taken()) {
      stdin_closed_ = true;
      node_.effects().close_stdin();
    }
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
    hand_on(index, portion->last, pieces.empty() ? encoded(*portion) : around(std::move(pieces)));
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

  void hand_on(size_t input, const Position& last, const std::vector<SharedBytes>& all) {
    size_t size = 0;
    for (const SharedBytes& bytes : all) size += bytes.size;
    fed_bytes_ += size;
    feeding_.push_back({input, last, size});
    for (const SharedBytes& bytes : all) node_.effects().feed(bytes);
  }

  bool all_taken() const {
    return std::all_of(inputs_.begin(), inputs_.end(),
                       [](const Input& input) { return input.end_taken; });
  }

  bool check_oversized() {
    for (const Input& input : inputs_) {
      if (input.inbox.front_pieces_bytes() <= kRecordBytesMax) continue;
      node_.fail("a record from " + input.name + " is over 100 MiB: protocol = \"" +
                 (frames_ ? "frames" : "lines") + "\" needs records whole; use unit = \"stream\"");
      return true;
    }
    return false;
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
        suspects_.acquit(asked.input, asked.first);
      }
      if (asked.left == 0) asked_.pop_front();
    }
  }

  // R11: a program that breaks its protocol is stopped; replies are never shifted to other inputs.
  void break_off(std::string why) {
    broken_ = std::move(why);
    node_.effects().terminate_run();
  }

  // False if they are not committed: what was put aside gets its second chance first, and the run
  // is over.
  bool commit_replies() {
    if (std::exchange(letter_answered_, false)) commit_letter();
    if (!any_reply_) return true;
    if (suspects_.any_aside()) {
      give_second_chance();
      return false;
    }
    any_reply_ = false;
    outage_waits_ = idle_failures_ = rounds_ = 0;
    round_at_.reset();
    succeeded_ = true;
    suspects_.write_confirmed(node_, answered_);
    if (!single() && failed_ > 0) {
      failed_ = 0;
      node_.batch().erase(key(wal::kAttempts));
    }
    append_replies();
    std::vector<Frontier> frontiers;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (!answered_[i].none()) frontiers.push_back({i, answered_[i], false, false});
      answered_[i] = {};
    }
    node_.commit_unit(frontiers);
    return true;
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
    if (!broken_ && !counts_as_attempt(end)) {
      if (end.kind != RunEnd::Kind::kLost) node_.effects().note(why + ": tried again later");
      return start_over(backoff(node_.spec(), ++outage_waits_));
    }
    ++failed_;
    node_.batch().put(key(wal::kAttempts), encode(Attempts{{}, failed_}));
    if (!asked_.empty() && asked_.front().portion.pieces > 0) return accuse(why, end);
    if (in_flight_ > 0) {
      if (failed_ > node_.spec().retries) careful_ = in_flight_;
    } else if (++idle_failures_ > node_.spec().retries) {
      // It is not about any record.
      return node_.fail(why + ", " + std::to_string(idle_failures_) +
                        " times; last words: " + last_line(end.stderr_tail));
    }
    node_.effects().note(why + "; attempt " + std::to_string(failed_) + " of " +
                         std::to_string(node_.spec().retries + 1));
    start_over(backoff(node_.spec(), failed_));
  }

  // It was asked nothing but a dead letter.
  void letter_failed(const std::string& why, const RunEnd& end) {
    dead_letter_at_ = now_ + kDeadLetterPause;
    if (!broken_ && end.kind == RunEnd::Kind::kLost) {
      return start_over(backoff(node_.spec(), ++outage_waits_));  // Which puts it back.
    }
    if (!broken_ && !counts_as_attempt(end)) {
      node_.dead().set_done();
      node_.effects().note(why + " on a dead letter: it stays one, to be tried later");
      return start_over(backoff(node_.spec(), ++outage_waits_));
    }
    Failure failure{end, why, 1};
    if (broken_) failure.end.kind = RunEnd::Kind::kLost;
    keep_retried(node_, failure);
    start_over(node_.spec().backoff_first);
  }

  // It failed while it had one record to answer.
  void accuse(const std::string& why, const RunEnd& end) {
    const Asked& asked = asked_.front();
    Failure failure{end, why, failed_};
    // How a program ends that is stopped for breaking its protocol says nothing.
    if (broken_) failure.end.kind = RunEnd::Kind::kLost;
    if (suspects_.failed_again(asked.input, asked.first, failure)) {
      return start_over(node_.spec().backoff_first);
    }
    node_.effects().note(why + " on a record of " + inputs_[asked.input].name +
                         " that stands alone; last words: " + last_line(end.stderr_tail));
    suspects_.add(asked.input, asked.first, asked.portion, std::move(failure));
    if (careful_ > 0) --careful_;
    if (suspects_.size() < node_.spec().max_dead) return start_over(node_.spec().backoff_first);
    node_.effects().note(std::to_string(suspects_.size()) +
                         " records in a row fail: degraded; all of them are kept and tried again");
    careful_ += suspects_.size();
    suspects_.clear();
    start_over(backoff(node_.spec(), std::max(node_.spec().retries, ++outage_waits_)));
  }

  // The program works: was it an outage? All that failed once more, then what was answered. Also
  // what failed twice: with another one aside, it may have been for the same cause.
  void give_second_chance() {
    suspects_.ask_again(true);
    node_.effects().kill_run();
    start_over(milliseconds(0));
  }

  // Nothing comes behind the suspects that could tell an outage from poison: they are asked again,
  // paced like attempts.
  void ask_suspects_again() {
    if (!round_at_) {
      round_at_ = now_ + backoff(node_.spec(), ++rounds_);
      node_.effects().wake_at(*round_at_);
    }
    if (now_ < *round_at_) return;
    round_at_.reset();
    suspects_.ask_again(false);
    if (phase_ == Phase::kRunning) node_.effects().kill_run();
    start_over(milliseconds(0));
  }

  void start_over(milliseconds wait_for) {
    drop_run();
    wait(wait_for);
  }

  void drop_run() {
    node_.dead().put_back();
    letter_answered_ = false;
    asked_.clear();
    feeding_.clear();
    in_flight_ = 0;
    fed_bytes_ = 0;
    replies_.clear();
    empty_.clear();
    any_reply_ = false;
    std::fill(answered_.begin(), answered_.end(), Position{});
    node_.refetch();
  }

  void wait(milliseconds time) {
    phase_ = Phase::kWaiting;
    broken_.reset();
    start_at_ = now_ + time;
    node_.effects().wake_at(start_at_);
  }

  // ---- R12

  void progress() { stall_.progress(now_); }

  void check_stall() {
    // An answer, or when there is no more input its exit.
    const bool owes = (in_flight_ > 0 || stdin_closed_) && !broken_ && node_.may_write_output();
    if (!stall_.stalled(now_, owes, node_.effects())) return;
    const bool has_read_all = fed_bytes_ == 0 && node_.effects().run_unread_bytes() == 0;
    if (stdin_closed_ || !has_read_all) return break_off(stall_.reason());
    drained_ = stdin_closed_ = true;
    node_.effects().close_stdin();
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
      const auto pause = std::chrono::ceil<milliseconds>(dead_letter_at_ - now_);
      return wait(std::max(pause, milliseconds(0)));
    }
    if (suspects_.empty()) return finish();
    if (!succeeded_) {
      return node_.fail("every record failed: " + suspects_.last_reason());
    }
    if (rounds_ <= node_.spec().retries || round_at_) return ask_suspects_again();
    suspects_.confirm_all();
    suspects_.write_confirmed(node_, answered_);
    finish();
  }

  void finish() {
    phase_ = Phase::kEnding;
    node_.end_lane([this] { phase_ = Phase::kEnded; });
  }

  Node& node_;
  std::vector<Input>& inputs_;
  const bool frames_;
  Phase phase_ = Phase::kWaiting;
  SteadyTime now_{};
  SteadyTime start_at_{};
  uint64_t runs_ = 0;
  uint32_t failed_ = 0;         // In a row, without a reply between.
  uint32_t idle_failures_ = 0;  // Of these, with nothing to answer.
  uint32_t outage_waits_ = 0;
  uint32_t rounds_ = 0;     // Of suspects behind which nothing comes.
  uint64_t careful_ = 0;    // So many go one at a time yet.
  bool succeeded_ = false;  // Ever.
  bool enough_ = false;
  std::optional<std::string> broken_;  // How the program broke its protocol; it is being stopped.

  // Feeding.
  std::deque<Asked> asked_;
  std::deque<Feeding> feeding_;
  uint64_t in_flight_ = 0;
  size_t fed_bytes_ = 0;
  size_t next_input_ = 0;
  bool stdin_open_ = true;
  bool stdin_closed_ = false;
  bool drained_ = false;  // stdin is closed so that it gives the answers that it keeps back.
  Suspects suspects_;
  std::optional<SteadyTime> round_at_;

  // Replies.
  ReplyReader replies_;
  EmptyInputs empty_;
  std::vector<Position> answered_;  // Of each input, in this turn; none: nothing.
  bool any_reply_ = false;
  SteadyTime dead_letter_at_{};   // The next one not before.
  bool letter_answered_ = false;  // The dead letter under way; its answer is not committed.
  StallWatch stall_;
};

}  // namespace

std::unique_ptr<Runner> make_reply_runner(Node& node, const LogState& state) {
  return std::make_unique<ReplyRunner>(node, state);
}

}  // namespace weir::core
