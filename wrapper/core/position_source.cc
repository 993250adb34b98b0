// A source that attaches positions (schema/wire/source_protocol.h): a program of weir's own. What
// one of its messages holds, and the position after it, are in one commit.
#include <algorithm>
#include <optional>
#include <utility>

#include "schema/wire/source_protocol.h"
#include "wrapper/core/builder.h"
#include "wrapper/core/program_runner.h"

namespace weir::core {
namespace {

using wire::SourceKind;
using wire::SourceMessage;

class PositionSource : public SourceRunner {
 public:
  PositionSource(Node& node, const LogState& state)
      : SourceRunner(node, state),
        shape_(output_shape(node.spec())),
        builder_(std::make_shared<BufferPool>(
                     wire::kBlockHeaderBytes + BlockBuilder::kUsualPayloadBytes, 16),
                 shape_) {}

  void turn(SteadyTime now) override {
    run_.begin_turn(now);
    if (run_.due()) start();
    if (!run_.running() || gathers()) return;
    // What is staged already would keep a full log full.
    if (node_.may_write_output() || staged_bytes_ > 0) publish();
  }

  std::span<uint8_t> output_space() override {
    if (!run_.running()) return {};
    return parser_.space();
  }

  void on_output(size_t bytes) override {
    if (run_.broken()) return;
    parser_.added(bytes);
    while (!run_.broken()) {
      const Result<std::optional<SourceMessage>> message = parser_.next();
      if (!message) return run_.break_off(message.error().what);
      if (!message->has_value()) return;
      take(**message);
    }
  }

  std::string state() const override {
    return std::string("positions: ") + run_.state() + ", pending " +
           std::to_string(builder_.pending_bytes());
  }

 protected:
  void flush() override {
    drop_piece();
    publish();
  }
  std::string unfinished() const override {
    return parser_.empty() ? "" : " in the middle of a message";
  }

 private:
  void start() {
    if (enough_) return finish();
    drop_piece();  // Which a crash left.
    parser_.clear();
    remember_position();
    run_.start({unit(), run_.failed() + 1});
    const std::string& token = node_.commit_state().position.token;
    run_.feed(0, {}, SharedBytes::of(encode(SourceMessage{SourceKind::kStart, token, {}})));
  }

  // While something is on its way to the log, more is gathered.
  bool gathers() const {
    return node_.persisting() &&
           builder_.pending_bytes() + staged_bytes_ < BlockBuilder::kUsualPayloadBytes / 2;
  }

  void take(const SourceMessage& message) {
    switch (message.kind) {
      case SourceKind::kRecords:
        if (message.position.empty()) return run_.break_off("wrote records without a position");
        if (message.data.empty() ? mid_record_ : message.data.back() != node_.spec().delimiter) {
          return run_.break_off("wrote a position in the middle of a record");
        }
        append(message.data);
        mid_record_ = false;
        position_ = std::string(message.position);
        return;
      case SourceKind::kPiece:
        if (!message.position.empty()) return run_.break_off("wrote a piece with a position");
        if (message.data.find(node_.spec().delimiter) != std::string_view::npos) {
          return run_.break_off("wrote whole records as a piece of one");
        }
        if (message.data.empty()) return;
        mid_record_ = true;
        return append(message.data);
      case SourceKind::kAbandon:
        return drop_piece();
      case SourceKind::kStart:
        break;
    }
    run_.break_off("wrote a message of kind " +
                   std::to_string(static_cast<uint32_t>(message.kind)) + ", which is none");
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

  wire::Shape shape_;
  BlockBuilder builder_;
  wire::SourceParser parser_;
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
