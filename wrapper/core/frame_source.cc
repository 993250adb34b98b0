// A source that writes frames (design 4): no input, one record a frame.
#include <optional>
#include <utility>

#include "wrapper/core/packer.h"
#include "wrapper/core/program_runner.h"

namespace weir::core {
namespace {

constexpr size_t kScratchBytes = 256u << 10;

class FrameSource : public SourceRunner {
 public:
  FrameSource(Node& node, const LogState& state)
      : SourceRunner(node, state), packer_(wire::Shape::kFrames) {}

  void turn(SteadyTime now) override {
    run_.begin_turn(now);
    if (run_.due()) start();
    if (run_.running() && node_.may_write_output()) publish();
  }

  std::span<uint8_t> output_space() override {
    if (!run_.running()) return {};
    scratch_.resize(kScratchBytes);
    return {reinterpret_cast<uint8_t*>(scratch_.data()), scratch_.size()};
  }

  void on_output(size_t bytes) override {
    if (run_.broken()) return;
    parser_.added({reinterpret_cast<const uint8_t*>(scratch_.data()), bytes});
    while (true) {
      const Result<std::optional<FrameParser::Part>> part = parser_.next();
      if (!part) return run_.break_off(part.error().what);
      if (!part->has_value()) return;
      packer_.add_part((*part)->bytes, (*part)->last);
    }
  }

  std::string state() const override { return std::string("frames: ") + run_.state(); }

 protected:
  void flush() override { publish(); }
  std::string unfinished() const override {
    return parser_.empty() ? "" : " in the middle of a frame";
  }

 private:
  void start() {
    if (enough_) return finish();
    parser_.clear();
    packer_.drop_part();
    remember_position();
    run_.start({unit(), run_.failed() + 1, false, node_.records_of_source()});
  }

  void publish() {
    if (packer_.empty()) return;
    for (Cut& cut : packer_.take()) {
      node_.commit_state().position.records += cut.records;
      node_.append(std::move(cut), wire::Shape::kFrames);
    }
    node_.publish_outputs();
  }

  std::string scratch_;
  FrameParser parser_;
  RecordPacker packer_;
};

}  // namespace

std::unique_ptr<Runner> make_frame_source(Node& node, const LogState& state) {
  return std::make_unique<FrameSource>(node, state);
}

}  // namespace weir::core
