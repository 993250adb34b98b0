// `lines` and `frames` with inputs (design 4): a long-running program that answers each input with
// exactly one output, in order. Up to `in_flight` inputs go ahead of their replies; each reply
// commits its input, grouped per loop turn.
//
//   Waiting --input is there--> Running --all lanes ended, all answered, exit--> Ending --> Ended
//      ^                           |
//      '--------backoff------------'  it ended, or broke the protocol: what is unanswered is fed
//      again
//
// R9: after `retries` failures at the same place inputs go one at a time, which names the culprit;
// what fails then is a suspect, and a dead letter with the next reply.
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
  }

  void turn(SteadyTime now) override {
    now_ = now;
    switch (phase_) {
      case Phase::kWaiting:
        if (now >= start_at_) start_if_needed();
        break;
      case Phase::kRunning:
        feed();
        commit_replies();
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
      inputs_[feeding_.front().input].reader.set_taken(feeding_.front().last);
      feeding_.pop_front();
    }
    if (!feeding_.empty()) feeding_.front().bytes -= bytes;
  }

  void on_stdin_broken() override { stdin_open_ = false; }

  void on_run_end(const RunEnd& end) override {
    if (phase_ != Phase::kRunning) return;
    commit_replies();
    if (enough_) return finish();
    if (broken_) return failed(*broken_, end);
    const bool whole = frames_ ? parser_.empty() : line_.empty();
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
    drop_run();
    wait(milliseconds(0));
  }

  void on_meeting(size_t) override {}

  void on_enough() override {
    enough_ = true;
    if (phase_ == Phase::kRunning) {
      node_.effects().kill_run();
      finish();
    } else if (phase_ == Phase::kWaiting) {
      finish();
    }
  }

  bool ended() const override { return phase_ == Phase::kEnded; }
  bool holds() const override { return false; }
  std::string state() const override {
    return "replies phase " + std::to_string(static_cast<int>(phase_)) + " in flight " +
           std::to_string(in_flight_) + " failed " + std::to_string(failed_);
  }

 private:
  enum class Phase { kWaiting, kRunning, kEnding, kEnded };
  struct Asked {  // Inputs that were fed together, in order.
    size_t input;
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
  struct Suspect {
    size_t input;
    Portion record;
    Failure why;
  };

  // ---- feeding

  void start_if_needed() {
    if (enough_) return finish();
    bool any = false;
    for (Input& input : inputs_) {
      take_marks(input);
      any = any || input.inbox.has_whole();
    }
    if (check_oversized()) return;
    if (any) return start();
    if (all_taken()) end_of_input();
  }

  void start() {
    phase_ = Phase::kRunning;
    broken_.reset();
    stdin_open_ = true;
    stdin_closed_ = false;
    progress();
    RunOrder order;
    const CommitState& commit = node_.commit_state();
    order.env =
        unit_environment(node_.order(), {commit.of.term, commit.of.boot, ++runs_, ""}, failed_ + 1);
    node_.effects().start_run(order);
    feed();
  }

  uint64_t window() const { return single() ? 1 : node_.spec().in_flight; }
  bool single() const { return failed_ > node_.spec().retries; }

  void feed() {
    bool more = true;
    while (more && stdin_open_ && !broken_ && in_flight_ < window() &&
           fed_bytes_ < kFeedAheadBytes) {
      more = false;
      for (size_t i = 0; i < inputs_.size() && in_flight_ < window(); ++i) {
        const size_t index = (next_input_ + i) % inputs_.size();
        more = feed_from(index) || more;
      }
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

  bool feed_from(size_t index) {
    Input& input = inputs_[index];
    take_marks(input);
    std::optional<Portion> portion =
        input.inbox.take_records(window() - in_flight_, kFeedPortionBytes);
    if (!portion) return false;
    input.consumed = portion->last;
    if (portion->abandoned || portion->end) {
      input.end_taken = input.end_taken || portion->end;
      input.reader.set_taken(portion->last);
      return true;
    }
    if (suspected(index, portion->last) && portion->pieces >= 1) return true;
    const bool joined = portion->pieces > 1 && split_records(*portion).size() == 1;
    const uint32_t records = joined ? 1 : portion->pieces;
    const SharedBytes bytes = encoded(*portion);
    in_flight_ += records;
    fed_bytes_ += bytes.size;
    feeding_.push_back({index, portion->last, bytes.size});
    asked_.push_back({index, portion->last, records, joined, single() ? *portion : Portion{}});
    node_.effects().feed(bytes);
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

  // As the program reads it: lines with their delimiter, or frames.
  SharedBytes encoded(const Portion& portion) const {
    std::string out;
    if (!frames_) {
      const char delimiter = node_.spec().delimiter;
      const bool plain = portion.shape != wire::Shape::kFrames && !portion.open_end &&
                         portion.bytes.view().ends_with(delimiter);
      if (plain) return portion.bytes;
      for (const Portion& record : split_records(portion)) {
        out.append(record.bytes.view());
        if (out.empty() || out.back() != delimiter) out.push_back(delimiter);
      }
      return SharedBytes::copy_of(out);
    }
    out.reserve(portion.bytes.size + 4 * portion.pieces);
    for (const Portion& record : split_records(portion)) {
      uint8_t length[4];
      store_be(length, static_cast<uint32_t>(record.bytes.size));
      out.append(reinterpret_cast<const char*>(length), 4);
      out.append(record.bytes.view());
    }
    return SharedBytes::copy_of(out);
  }

  bool all_taken() const {
    return std::all_of(inputs_.begin(), inputs_.end(),
                       [](const Input& input) { return input.end_taken; });
  }

  bool check_oversized() {
    for (const Input& input : inputs_) {
      if (!input.inbox.only_unfinished() || input.inbox.bytes() <= kRecordBytesMax) continue;
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
      if (end == std::string_view::npos) {
        line_.append(got);
        if (line_.size() > kRecordBytesMax) break_off("a reply is over 100 MiB");
        return;
      }
      const std::string_view part = got.substr(0, end + 1);
      got.remove_prefix(end + 1);
      if (line_.empty()) {
        reply(part.size() > 1 ? part : std::string_view());
      } else {
        line_.append(part);
        reply(line_);
        line_.clear();
      }
    }
  }

  void take_frames(std::string_view got) {
    const Status added = parser_.added({reinterpret_cast<const uint8_t*>(got.data()), got.size()});
    if (!added) return break_off(added.error().what);
    while (!broken_) {
      Result<std::optional<std::string>> frame = parser_.next();
      if (!frame) return break_off(frame.error().what);
      if (!frame->has_value()) return;
      reply(**frame);
    }
  }

  // Empty: no output for this input.
  void reply(std::string_view output) {
    if (asked_.empty()) return break_off("wrote a reply that nothing asked for");
    Asked& asked = asked_.front();
    --asked.left;
    --in_flight_;
    answered_[asked.input] = {asked.last.of, asked.last.seq - (asked.joined ? 0 : asked.left)};
    if (asked.left == 0) asked_.pop_front();
    if (!output.empty()) packer_.add(output);
    any_reply_ = true;
  }

  // R11: a program that breaks its protocol is stopped; replies are never shifted to other inputs.
  void break_off(std::string why) {
    broken_ = std::move(why);
    node_.effects().terminate_run();
  }

  void commit_replies() {
    if (!any_reply_) return;
    any_reply_ = false;
    if (failed_ > 0) node_.batch().erase(key(wal::kAttempts));
    failed_ = 0;
    outage_waits_ = 0;
    succeeded_ = true;
    write_dead_letters();
    for (Cut& cut : packer_.take()) node_.append(std::move(cut), output_shape(node_.spec()));
    std::vector<Frontier> frontiers;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (!answered_[i].none()) frontiers.push_back({i, answered_[i], false, false});
      answered_[i] = {};
    }
    node_.publish(frontiers);
  }

  // ---- failing

  void failed(const std::string& why, const RunEnd& end) {
    if (is_hopeless(end)) return node_.fail(describe(end));
    const bool broke = broken_.has_value();
    if (broke || counts_as_attempt(end)) {
      ++failed_;
      node_.batch().put(key(wal::kAttempts), encode(Attempts{{}, failed_}));
      if (failed_ > node_.spec().retries + 1 && !asked_.empty() &&
          asked_.front().portion.pieces > 0) {
        suspect(why, end);
      } else if (failed_ > node_.spec().retries + 2) {
        return node_.fail(why + ", " + std::to_string(failed_) +
                          " times; last words: " + last_line(end.stderr_tail));
      }
      node_.effects().note(why + "; attempt " + std::to_string(failed_));
    } else {
      ++outage_waits_;
    }
    drop_run();
    wait(backoff(node_.spec(), std::max({failed_, outage_waits_, 1u})));
  }

  void suspect(const std::string& why, const RunEnd& end) {
    Asked& asked = asked_.front();
    Failure failure{end, why, failed_};
    // How a program ends that is stopped for breaking its protocol says nothing.
    if (broken_) failure.end.kind = RunEnd::Kind::kLost;
    suspects_.push_back({asked.input, asked.portion, std::move(failure)});
    if (suspects_.size() < node_.spec().max_dead) return;
    node_.effects().note(std::to_string(suspects_.size()) +
                         " records in a row fail: degraded; all of them are kept and tried again");
    suspects_.clear();
  }

  bool suspected(size_t input, const Position& last) const {
    return std::any_of(suspects_.begin(), suspects_.end(), [&](const Suspect& suspect) {
      return suspect.input == input && suspect.record.last == last;
    });
  }

  void write_dead_letters() {
    for (const Suspect& suspect : suspects_) {
      put_dead_letter(node_, inputs_[suspect.input].name, suspect.record, {}, suspect.why);
      answered_[suspect.input] = std::max(answered_[suspect.input].id(),
                                          suspect.record.last.id()) == suspect.record.last.id()
                                     ? suspect.record.last
                                     : answered_[suspect.input];
    }
    suspects_.clear();
  }

  void drop_run() {
    asked_.clear();
    feeding_.clear();
    in_flight_ = 0;
    fed_bytes_ = 0;
    line_.clear();
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
    const bool owes = in_flight_ > 0 && !broken_ && node_.may_write_output();
    if (stall_.stalled(now_, owes, node_.effects())) break_off(stall_.reason());
  }

  // ---- ending

  void end_of_input() {
    if (!suspects_.empty()) {
      if (!succeeded_) {
        return node_.fail("every record failed: " + suspects_.back().why.reason);
      }
      write_dead_letters();
    }
    finish();
  }

  void finish() {
    commit_replies();
    phase_ = Phase::kEnding;
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
  uint32_t failed_ = 0;  // In a row, without a reply between.
  uint32_t outage_waits_ = 0;
  bool succeeded_ = false;
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

  // Replies.
  std::string scratch_;
  std::string line_;
  FrameParser parser_;
  RecordPacker packer_;
  std::vector<Position> answered_;  // Of each input, in this turn; none: nothing.
  bool any_reply_ = false;
  StallWatch stall_;
};

// A source that writes frames: no input, one record a frame.
class FrameSource : public Runner {
 public:
  FrameSource(Node& node, const LogState& state) : node_(node), packer_(wire::Shape::kFrames) {
    if (state.commit.ended) phase_ = Phase::kEnded;
    if (state.attempts) failed_ = state.attempts->failed;
  }

  void turn(SteadyTime now) override {
    now_ = now;
    if (phase_ == Phase::kWaiting && now >= start_at_) start();
    if (phase_ == Phase::kRunning) publish();
  }

  std::span<uint8_t> output_space() override {
    if (phase_ != Phase::kRunning) return {};
    scratch_.resize(kScratchBytes);
    return {reinterpret_cast<uint8_t*>(scratch_.data()), scratch_.size()};
  }

  void on_output(size_t bytes) override {
    if (broken_) return;
    const Status added = parser_.added({reinterpret_cast<const uint8_t*>(scratch_.data()), bytes});
    if (!added) return break_off(added.error().what);
    while (!broken_) {
      Result<std::optional<std::string>> frame = parser_.next();
      if (!frame) return break_off(frame.error().what);
      if (!frame->has_value()) return;
      if (!(*frame)->empty()) packer_.add(**frame);
    }
  }

  void on_fed(size_t) override {}
  void on_stdin_broken() override {}

  void on_run_end(const RunEnd& end) override {
    if (phase_ != Phase::kRunning) return;
    publish();
    if (enough_ || end_wanted_) return finish();
    std::string why = describe(end);
    bool well = accepted(node_.spec(), end) && !broken_;
    if (well && !parser_.empty()) {
      well = false;
      why += " in the middle of a frame";
    }
    if (broken_) why = *broken_;
    if (well) return finish();
    retry(end, why);
  }

  void on_rewound(size_t, const Position&) override {}
  void on_meeting(size_t) override {}
  void on_enough() override {
    enough_ = true;
    if (phase_ == Phase::kRunning) node_.effects().close_stdout();
    if (phase_ == Phase::kWaiting) finish();
  }
  // What it had written stays; of a frame that it had only begun nothing was published (R8).
  void on_end_wanted() override {
    end_wanted_ = true;
    if (phase_ == Phase::kRunning) node_.effects().terminate_run();
    if (phase_ == Phase::kWaiting) finish();
  }
  bool ended() const override { return phase_ == Phase::kEnded; }
  bool holds() const override { return false; }
  std::string state() const override {
    return "frames phase " + std::to_string(static_cast<int>(phase_));
  }

 private:
  enum class Phase { kWaiting, kRunning, kEnding, kEnded };

  void start() {
    if (enough_) return finish();
    phase_ = Phase::kRunning;
    broken_.reset();
    parser_.clear();
    position_at_start_ = node_.commit_state().position;
    RunOrder order;
    const CommitState& commit = node_.commit_state();
    order.env = unit_environment(node_.order(), {commit.of.term, 0, commit.units, ""}, failed_ + 1);
    order.env.emplace_back("WEIR_POSITION", node_.position_of_source());
    order.wants_stdin = false;
    node_.effects().start_run(order);
  }

  void publish() {
    if (packer_.empty() || !node_.may_write_output()) return;
    for (Cut& cut : packer_.take()) {
      node_.commit_state().position += cut.records;
      node_.append(std::move(cut), wire::Shape::kFrames);
    }
    node_.publish({});
  }

  void break_off(std::string why) {
    broken_ = std::move(why);
    node_.effects().terminate_run();
  }

  void retry(const RunEnd& end, const std::string& why) {
    if (is_hopeless(end)) return node_.fail(why);
    if (counts_as_attempt(end) || broken_) {
      failed_ = node_.commit_state().position > position_at_start_ ? 1 : failed_ + 1;
      node_.batch().put(key(wal::kAttempts), encode(Attempts{{}, failed_}));
      if (failed_ > node_.spec().retries) {
        return node_.fail(why + ", " + std::to_string(failed_) +
                          " times; last words: " + last_line(end.stderr_tail));
      }
      node_.effects().note(why + "; attempt " + std::to_string(failed_) + " of " +
                           std::to_string(node_.spec().retries + 1));
    }
    phase_ = Phase::kWaiting;
    start_at_ = now_ + backoff(node_.spec(), std::max(failed_, 1u));
    node_.effects().wake_at(start_at_);
  }

  void finish() {
    publish();
    phase_ = Phase::kEnding;
    node_.append_mark(wire::kEnd);
    node_.commit_state().ended = true;
    node_.batch().erase(key(wal::kAttempts));
    node_.publish({});
    node_.sync_this_turn();
    node_.when_persisted([this] { phase_ = Phase::kEnded; });
  }

  Node& node_;
  Phase phase_ = Phase::kWaiting;
  SteadyTime now_{};
  SteadyTime start_at_{};
  uint32_t failed_ = 0;
  uint64_t position_at_start_ = 0;
  bool enough_ = false;
  bool end_wanted_ = false;
  std::optional<std::string> broken_;
  std::string scratch_;
  FrameParser parser_;
  RecordPacker packer_;
};

}  // namespace

std::unique_ptr<Runner> make_reply_runner(Node& node, const LogState& state) {
  return std::make_unique<ReplyRunner>(node, state);
}

std::unique_ptr<Runner> make_frame_source(Node& node, const LogState& state) {
  return std::make_unique<FrameSource>(node, state);
}

}  // namespace weir::core
