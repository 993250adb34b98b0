// A source that writes frames (design 4): no input, one record a frame.
#include <optional>
#include <utility>

#include "wrapper/core/packer.h"
#include "wrapper/core/runner.h"
#include "wrapper/wal/keys.h"

namespace weir::core {
namespace {

using wal::key;

constexpr size_t kScratchBytes = 256u << 10;

class FrameSource : public Runner {
 public:
  FrameSource(Node& node, const LogState& state) : node_(node), packer_(wire::Shape::kFrames) {
    if (state.commit.ended) phase_ = Phase::kEnded;
    if (state.attempts) failed_ = state.attempts->failed;
  }

  void turn(SteadyTime now) override {
    now_ = now;
    if (phase_ == Phase::kWaiting && now >= start_at_) start();
    if (phase_ == Phase::kRunning && node_.may_write_output()) publish();
  }

  std::span<uint8_t> output_space() override {
    if (phase_ != Phase::kRunning) return {};
    scratch_.resize(kScratchBytes);
    return {reinterpret_cast<uint8_t*>(scratch_.data()), scratch_.size()};
  }

  void on_output(size_t bytes) override {
    if (broken_) return;
    parser_.added({reinterpret_cast<const uint8_t*>(scratch_.data()), bytes});
    while (!broken_) {
      const Result<std::optional<FrameParser::Part>> part = parser_.next();
      if (!part) return break_off(part.error().what);
      if (!part->has_value()) return;
      packer_.add_part((*part)->bytes, (*part)->last);
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
    if (well) {
      node_.count_exit(end);
      return finish();
    }
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
    packer_.drop_part();
    records_at_start_ = node_.commit_state().position.records;
    RunOrder order;
    const CommitState& commit = node_.commit_state();
    order.env = unit_environment(node_.order(), {commit.of.term, 0, commit.units, ""}, failed_ + 1);
    order.env.emplace_back("WEIR_POSITION", node_.records_of_source());
    order.wants_stdin = false;
    node_.effects().start_run(order);
  }

  void publish() {
    if (packer_.empty()) return;
    for (Cut& cut : packer_.take()) {
      node_.commit_state().position.records += cut.records;
      node_.append(std::move(cut), wire::Shape::kFrames);
    }
    node_.publish_outputs();
  }

  void break_off(std::string why) {
    broken_ = std::move(why);
    node_.effects().terminate_run();
  }

  void retry(const RunEnd& end, const std::string& why) {
    if (is_hopeless(end)) return node_.fail(why);
    if (counts_as_attempt(end) || broken_) {
      failed_ = node_.commit_state().position.records > records_at_start_ ? 1 : failed_ + 1;
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
    node_.end_lane([this] { phase_ = Phase::kEnded; });
  }

  Node& node_;
  Phase phase_ = Phase::kWaiting;
  SteadyTime now_{};
  SteadyTime start_at_{};
  uint32_t failed_ = 0;
  uint64_t records_at_start_ = 0;
  bool enough_ = false;
  bool end_wanted_ = false;
  std::optional<std::string> broken_;
  std::string scratch_;
  FrameParser parser_;
  RecordPacker packer_;
};

}  // namespace

std::unique_ptr<Runner> make_frame_source(Node& node, const LogState& state) {
  return std::make_unique<FrameSource>(node, state);
}

}  // namespace weir::core
