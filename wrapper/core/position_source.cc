// A source that attaches positions (schema/wire/source_protocol.h): a program of weir's own. What
// one of its messages holds, and the position after it, are in one commit.
#include <algorithm>
#include <optional>
#include <utility>

#include "schema/wire/source_protocol.h"
#include "wrapper/core/builder.h"
#include "wrapper/core/runner.h"
#include "wrapper/wal/keys.h"

namespace weir::core {
namespace {

using wal::key;
using wire::SourceKind;
using wire::SourceMessage;

class PositionSource : public Runner {
 public:
  PositionSource(Node& node, const LogState& state)
      : node_(node),
        shape_(output_shape(node.spec())),
        builder_(std::make_shared<BufferPool>(
                     wire::kBlockHeaderBytes + BlockBuilder::kUsualPayloadBytes, 16),
                 shape_) {
    if (state.commit.ended) phase_ = Phase::kEnded;
    if (state.attempts) failed_ = state.attempts->failed;
  }

  void turn(SteadyTime now) override {
    now_ = now;
    if (phase_ == Phase::kWaiting && now >= start_at_) start();
    if (phase_ != Phase::kRunning || gathers()) return;
    // What is staged already would keep a full log full.
    if (node_.may_write_output() || staged_bytes_ > 0) publish();
  }

  std::span<uint8_t> output_space() override {
    if (phase_ != Phase::kRunning) return {};
    return parser_.space();
  }

  void on_output(size_t bytes) override {
    if (broken_) return;
    parser_.added(bytes);
    while (!broken_) {
      const Result<std::optional<SourceMessage>> message = parser_.next();
      if (!message) return break_off(message.error().what);
      if (!message->has_value()) return;
      take(**message);
    }
  }

  void on_fed(size_t) override {}
  void on_stdin_broken() override {}

  void on_run_end(const RunEnd& end) override {
    if (phase_ != Phase::kRunning) return;
    drop_piece();
    publish();
    if (enough_ || end_wanted_) return finish();
    std::string why = describe(end);
    bool well = accepted(node_.spec(), end) && !broken_;
    if (well && !parser_.empty()) {
      well = false;
      why += " in the middle of a message";
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
  // What it had written stays; a record that it had only begun does not (R8).
  void on_end_wanted() override {
    end_wanted_ = true;
    if (phase_ == Phase::kRunning) node_.effects().terminate_run();
    if (phase_ == Phase::kWaiting) finish();
  }
  bool ended() const override { return phase_ == Phase::kEnded; }
  bool holds() const override { return false; }
  std::string state() const override {
    return "positions phase " + std::to_string(static_cast<int>(phase_)) + " pending " +
           std::to_string(builder_.pending_bytes());
  }

 private:
  enum class Phase { kWaiting, kRunning, kEnding, kEnded };

  void start() {
    if (enough_) return finish();
    drop_piece();  // Which a crash left.
    phase_ = Phase::kRunning;
    broken_.reset();
    parser_.clear();
    position_at_start_ = node_.commit_state().position;
    RunOrder order;
    const CommitState& commit = node_.commit_state();
    order.env = unit_environment(node_.order(), {commit.of.term, 0, commit.units, ""}, failed_ + 1);
    node_.effects().start_run(order);
    node_.effects().feed(
        SharedBytes::of(encode(SourceMessage{SourceKind::kStart, commit.position.token, {}})));
  }

  // While something is on its way to the log, more is gathered.
  bool gathers() const {
    return node_.persisting() &&
           builder_.pending_bytes() + staged_bytes_ < BlockBuilder::kUsualPayloadBytes / 2;
  }

  void take(const SourceMessage& message) {
    switch (message.kind) {
      case SourceKind::kRecords:
        if (message.position.empty()) return break_off("wrote records without a position");
        if (message.data.empty() ? mid_record_ : message.data.back() != node_.spec().delimiter) {
          return break_off("wrote a position in the middle of a record");
        }
        append(message.data);
        mid_record_ = false;
        position_ = std::string(message.position);
        return;
      case SourceKind::kPiece:
        if (!message.position.empty()) return break_off("wrote a piece with a position");
        if (message.data.find(node_.spec().delimiter) != std::string_view::npos) {
          return break_off("wrote whole records as a piece of one");
        }
        if (message.data.empty()) return;
        mid_record_ = true;
        return append(message.data);
      case SourceKind::kAbandon:
        return drop_piece();
      case SourceKind::kStart:
        break;
    }
    break_off("wrote a message of kind " + std::to_string(static_cast<uint32_t>(message.kind)) +
              ", which is none");
  }

  void append(std::string_view data) {
    while (!data.empty()) {
      const std::span<uint8_t> room = builder_.space();
      const size_t count = std::min(room.size(), data.size());
      builder_.append({reinterpret_cast<const uint8_t*>(data.data()), count});
      data.remove_prefix(count);
      if (builder_.full()) stage();
    }
  }

  // Visible with the next commit, which may be one of a later turn.
  void stage() {
    while (std::optional<Cut> cut = builder_.cut()) {
      staged_records_ += cut->records;
      staged_bytes_ += cut->payload_bytes;
      node_.append(*std::move(cut), shape_);
    }
  }

  // Between two messages: all whole records that are here lie before the position.
  void publish() {
    stage();
    if (staged_bytes_ == 0 && !position_) return;
    SourcePosition& position = node_.commit_state().position;
    position.records += std::exchange(staged_records_, 0);
    if (position_) position.token = *std::exchange(position_, std::nullopt);
    staged_bytes_ = 0;
    node_.publish_outputs();
  }

  // Of a record that has only begun.
  void drop_piece() {
    stage();
    builder_.drop();
    mid_record_ = false;
    if (!node_.commit_state().mid_record) return;
    node_.append_mark(wire::kAbandonedMark);
    publish();
    node_.publish_outputs();  // If there was nothing else.
  }

  void break_off(std::string why) {
    broken_ = std::move(why);
    node_.effects().terminate_run();
  }

  void retry(const RunEnd& end, const std::string& why) {
    if (is_hopeless(end)) return node_.fail(why);
    if (counts_as_attempt(end) || broken_) {
      failed_ = node_.commit_state().position != position_at_start_ ? 1 : failed_ + 1;
      node_.batch().put(key(wal::kAttempts), encode(Attempts{{}, failed_}));
      const std::string last_words = "; last words: " + last_line(end.stderr_tail);
      if (failed_ > node_.spec().retries) {
        return node_.fail(why + ", " + std::to_string(failed_) + " times" + last_words);
      }
      node_.effects().note(why + "; attempt " + std::to_string(failed_) + " of " +
                           std::to_string(node_.spec().retries + 1));
    }
    phase_ = Phase::kWaiting;
    start_at_ = now_ + backoff(node_.spec(), std::max(failed_, 1u));
    node_.effects().wake_at(start_at_);
  }

  void finish() {
    drop_piece();
    publish();
    phase_ = Phase::kEnding;
    node_.end_lane([this] { phase_ = Phase::kEnded; });
  }

  Node& node_;
  wire::Shape shape_;
  BlockBuilder builder_;
  wire::SourceParser parser_;
  Phase phase_ = Phase::kWaiting;
  SteadyTime now_{};
  SteadyTime start_at_{};
  uint32_t failed_ = 0;
  SourcePosition position_at_start_;
  bool enough_ = false;
  bool end_wanted_ = false;
  std::optional<std::string> broken_;
  bool mid_record_ = false;              // The last message was a piece.
  std::optional<std::string> position_;  // After all that was appended; none: as it was.
  uint32_t staged_records_ = 0;          // Since the last commit ...
  size_t staged_bytes_ = 0;              // ... and their bytes.
};

}  // namespace

std::unique_ptr<Runner> make_position_source(Node& node, const LogState& state) {
  return std::make_unique<PositionSource>(node, state);
}

}  // namespace weir::core
