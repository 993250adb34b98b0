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
// A dead letter that is to be tried again is asked when all else is answered, alone, and its answer
// and its removal are one commit. It says nothing about suspects.
#include <algorithm>
#include <deque>
#include <optional>

#include "schema/base/codec.h"
#include "wrapper/core/builder.h"
#include "wrapper/core/dead_letters.h"
#include "wrapper/core/runner.h"
#include "wrapper/core/stall.h"
#include "wrapper/wal/keys.h"

namespace weir::core {
namespace {

using std::chrono::milliseconds;
using wal::key;

constexpr size_t kScratchBytes = 256u << 10;
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
        packer_(output_shape(node.spec())),
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
        if (in_flight_ == 0 && only_suspects_left()) ask_suspects_again();
        check_stall();
        break;
      case Phase::kEnding:
      case Phase::kEnded:
        break;
    }
  }

  std::span<uint8_t> output_space() override {
    if (phase_ != Phase::kRunning) return {};
    scratch_.resize(kScratchBytes);
    return {reinterpret_cast<uint8_t*>(scratch_.data()), scratch_.size()};
  }

  void on_output(size_t bytes) override {
    progress();
    if (broken_) return;
    const std::string_view got(scratch_.data(), bytes);
    frames_ ? take_frames(got) : take_lines(got);
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
    const bool whole = frames_ ? parser_.empty() : packer_.part_bytes() == 0;
    if (!accepted(node_.spec(), end)) return failed(describe(end), end);
    if (in_flight_ > 0) {
      return failed(describe(end) + " with " + std::to_string(in_flight_) + " inputs unanswered",
                    end);
    }
    if (!whole) return failed(describe(end) + " in the middle of a reply", end);
    if (all_taken()) return end_of_input();
    // It went by itself with nothing owed: started again for what comes.
    wait(node_.spec().backoff_first);
  }

  void on_rewound(size_t input, const Position& keep) override {
    const Position& consumed = inputs_[input].consumed;
    if (consumed == inputs_[input].durable.frontier ||
        (consumed.of == keep.of && consumed.seq <= keep.seq)) {
      return;
    }
    if (phase_ != Phase::kRunning) return refetch_all();
    node_.effects().kill_run();
    start_over(milliseconds(0));
  }

  void on_meeting(size_t input) override {
    std::erase_if(suspects_, [&](const Suspect& suspect) {
      return suspect.input == input && !inputs_[input].reader.writer_has(suspect.record.last);
    });
  }

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
  struct Suspect {  // A record that failed alone.
    enum class State {
      kAside,      // Until an answer shows that the program works.
      kDue,        // To be asked once more.
      kConfirmed,  // Failed again, and nothing else did: a dead letter with the next answer.
    };
    size_t input;
    RecordId first;
    Portion record;
    Failure why;
    State state = State::kAside;
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
    if (only_suspects_left()) ask_suspects_again();
  }

  void start() {
    phase_ = Phase::kRunning;
    broken_.reset();
    stdin_open_ = true;
    stdin_closed_ = false;
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
    while (stdin_open_ && !broken_ && in_flight_ < window() && fed_bytes_ < kFeedAheadBytes) {
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
    hand_on(kNoInput, {}, record);
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
    std::optional<Portion> portion =
        input.inbox.take_records(window() - in_flight_, kFeedPortionBytes);
    if (!portion) return false;
    input.consumed = portion->last;
    if (portion->abandoned || portion->end) {
      input.end_taken = input.end_taken || portion->end;
      input.reader.set_taken(portion->last);
      return true;
    }
    const bool joined = portion->pieces > 1 && split_records(*portion).size() == 1;
    const uint32_t records = joined ? 1 : portion->pieces;
    in_flight_ += records;
    asked_.push_back(
        {index, first, portion->last, records, joined, single() ? *portion : Portion{}});
    hand_on(index, portion->last, *portion);
    return true;
  }

  void take_marks(Input& input) {
    while (input.inbox.front_is_mark()) {
      const std::optional<Portion> mark = input.inbox.take_block();
      input.consumed = mark->last;
      input.reader.set_taken(mark->last);
      if (mark->end) input.end_taken = true;
    }
  }

  Suspect* suspect_at(size_t input, const RecordId& first) {
    const auto found = std::find_if(suspects_.begin(), suspects_.end(), [&](const Suspect& each) {
      return each.input == input && each.first == first;
    });
    return found == suspects_.end() ? nullptr : &*found;
  }

  // There are suspects, all of them are here again and put aside, and nothing is behind them.
  bool only_suspects_left() const {
    return !suspects_.empty() &&
           std::all_of(suspects_.begin(), suspects_.end(), [&](const Suspect& suspect) {
             const Input& input = inputs_[suspect.input];
             return input.consumed.id() >= suspect.record.last.id() && input.inbox.empty();
           });
  }

  // What is put aside is not asked again now.
  void skip_suspects(size_t index) {
    Input& input = inputs_[index];
    take_marks(input);
    while (input.inbox.has_whole()) {
      const Suspect* suspect = suspect_at(index, input.inbox.front_id());
      if (suspect == nullptr || suspect->state == Suspect::State::kDue) return;
      input.consumed = input.inbox.take_records(1, kFeedPortionBytes)->last;
      input.reader.set_taken(input.consumed);
      take_marks(input);
    }
  }

  // As the program reads it: lines with their delimiter, or frames. One record is not copied: it
  // may be large.
  std::vector<SharedBytes> encoded(const Portion& portion) const {
    const std::vector<Portion> records = split_records(portion);
    if (frames_) {
      if (records.size() == 1) {
        return {SharedBytes::copy_of(frame_length(portion)), portion.bytes};
      }
      std::string out;
      out.reserve(portion.bytes.size + 4 * records.size());
      for (const Portion& record : records) {
        out.append(frame_length(record));
        out.append(record.bytes.view());
      }
      return {SharedBytes::copy_of(out)};
    }
    const std::string_view delimiter(&node_.spec().delimiter, 1);
    const bool plain = portion.shape != wire::Shape::kFrames && !portion.open_end &&
                       portion.bytes.view().ends_with(delimiter);
    if (plain) return {portion.bytes};
    if (records.size() == 1) {
      if (portion.bytes.view().ends_with(delimiter)) return {portion.bytes};
      return {portion.bytes, SharedBytes::copy_of(delimiter)};
    }
    std::string out;
    for (const Portion& record : records) {
      out.append(record.bytes.view());
      if (!record.bytes.view().ends_with(delimiter)) out.append(delimiter);
    }
    return {SharedBytes::copy_of(out)};
  }

  static std::string frame_length(const Portion& record) {
    uint8_t length[4];
    store_be(length, static_cast<uint32_t>(record.bytes.size));
    return std::string(reinterpret_cast<const char*>(length), 4);
  }

  void hand_on(size_t input, const Position& last, const Portion& portion) {
    const std::vector<SharedBytes> all = encoded(portion);
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

  void take_lines(std::string_view got) {
    const char delimiter = node_.spec().delimiter;
    while (!got.empty() && !broken_) {
      const size_t end = got.find(delimiter);
      const bool whole = end != std::string_view::npos;
      const std::string_view part = got.substr(0, whole ? end + 1 : got.size());
      got.remove_prefix(part.size());
      const bool none = whole && packer_.part_bytes() + part.size() == 1;
      if (!none) packer_.add_part(part);
      if (packer_.part_bytes() - (whole && !none ? 1 : 0) > kRecordBytesMax) {
        return break_off("a reply is over 100 MiB");
      }
      if (whole) end_reply();
    }
  }

  void take_frames(std::string_view got) {
    parser_.added({reinterpret_cast<const uint8_t*>(got.data()), got.size()});
    while (!broken_) {
      const Result<std::optional<FrameParser::Part>> part = parser_.next();
      if (!part) return break_off(part.error().what);
      if (!part->has_value()) return;
      packer_.add_part((*part)->bytes);
      if ((*part)->last) end_reply();
    }
  }

  // What came since the last one is the answer to the next input; nothing: no output for it.
  void end_reply() {
    if (asked_.empty()) return break_off("wrote a reply that nothing asked for");
    if (packer_.part_bytes() > 0) packer_.end_record();
    Asked& asked = asked_.front();
    --in_flight_;
    if (asked.input == kNoInput) {
      asked_.pop_front();
      letter_answered_ = true;
      return;
    }
    --asked.left;
    answered_[asked.input] = {asked.last.of, asked.last.seq - (asked.joined ? 0 : asked.left)};
    if (careful_ > 0) --careful_;
    if (!suspects_.empty()) {
      const auto was_it = [&](const Suspect& suspect) {
        return suspect.input == asked.input && suspect.first == asked.first;
      };
      std::erase_if(suspects_, was_it);
    }
    if (asked.left == 0) asked_.pop_front();
    any_reply_ = true;
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
    if (std::any_of(suspects_.begin(), suspects_.end(), [](const Suspect& suspect) {
          return suspect.state == Suspect::State::kAside;
        })) {
      give_second_chance();
      return false;
    }
    any_reply_ = false;
    outage_waits_ = idle_failures_ = rounds_ = 0;
    round_at_.reset();
    succeeded_ = true;
    write_dead_letters();
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
    node_.publish(frontiers);
    return true;
  }

  void append_replies() {
    for (Cut& cut : packer_.take()) node_.append(std::move(cut), output_shape(node_.spec()));
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
    if (Suspect* known = suspect_at(asked.input, asked.first)) {
      known->why = std::move(failure);
      known->state = works_ ? Suspect::State::kConfirmed : Suspect::State::kAside;
      return start_over(node_.spec().backoff_first);
    }
    node_.effects().note(why + " on a record of " + inputs_[asked.input].name +
                         " that stands alone; last words: " + last_line(end.stderr_tail));
    suspects_.push_back({asked.input, asked.first, asked.portion, std::move(failure)});
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
    works_ = true;
    for (Suspect& suspect : suspects_) suspect.state = Suspect::State::kDue;
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
    works_ = false;
    for (Suspect& suspect : suspects_) suspect.state = Suspect::State::kDue;
    if (phase_ == Phase::kRunning) node_.effects().kill_run();
    start_over(milliseconds(0));
  }

  // In the commit of an answer: what failed before it is not the program's fault.
  void write_dead_letters() {
    std::erase_if(suspects_, [&](const Suspect& suspect) {
      const Input& input = inputs_[suspect.input];
      // Of another lane, it may be on its way again: not before it has been passed over.
      const bool passed = input.consumed.id() >= suspect.record.last.id();
      if (suspect.state != Suspect::State::kConfirmed || !passed) return false;
      put_dead_letter(node_, input.name, suspect.record, {}, suspect.why);
      Position& answered = answered_[suspect.input];
      if (answered.id() < suspect.record.last.id()) answered = suspect.record.last;
      return true;
    });
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
    parser_.clear();
    packer_.clear();
    any_reply_ = false;
    std::fill(answered_.begin(), answered_.end(), Position{});
    refetch_all();
  }

  void refetch_all() {
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (!inputs_[i].durable.ended && !inputs_[i].durable.enough) node_.refetch(i);
    }
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
    if (stall_.stalled(now_, owes, node_.effects())) break_off(stall_.reason());
  }

  // ---- ending

  void end_of_input() {
    if (node_.dead().wants_retry()) {
      const auto pause = std::chrono::ceil<milliseconds>(dead_letter_at_ - now_);
      return wait(std::max(pause, milliseconds(0)));
    }
    if (suspects_.empty()) return finish();
    if (!succeeded_) {
      return node_.fail("every record failed: " + suspects_.back().why.reason);
    }
    if (rounds_ <= node_.spec().retries || round_at_) return ask_suspects_again();
    for (Suspect& suspect : suspects_) suspect.state = Suspect::State::kConfirmed;
    write_dead_letters();
    finish();
  }

  void finish() {
    phase_ = Phase::kEnding;
    node_.dead().forget_retries();
    node_.append_mark(wire::kEnd);
    node_.commit_state().ended = true;
    node_.batch().erase(key(wal::kAttempts));
    std::vector<Frontier> frontiers;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const Input& input = inputs_[i];
      if (input.durable.ended || input.durable.enough) continue;
      frontiers.push_back({i, input.consumed, !input.end_taken, input.end_taken});
    }
    node_.publish(frontiers);
    node_.sync_this_turn();
    node_.when_persisted([this] { phase_ = Phase::kEnded; });
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
  bool works_ = false;      // An answer came after the last new suspect.
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
  std::deque<Suspect> suspects_;
  std::optional<SteadyTime> round_at_;

  // Replies.
  std::string scratch_;
  FrameParser parser_;
  RecordPacker packer_;
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
