// The `-` entry of `up`: no program. What weirctl sends is logged, synced, and is then weir's:
// settled towards weirctl as soon as it is in the log, not when the sinks have it.
#include <cstring>

#include "wrapper/core/builder.h"
#include "wrapper/core/runner.h"

namespace weir::core {
namespace {

class RelayRunner : public Runner {
 public:
  RelayRunner(Node& node, const LogState& state)
      : node_(node), input_(node.inputs_for_runner().front()), ended_(state.commit.ended) {}

  void turn(SteadyTime) override {
    if (ending_ || ended_) return;
    while (node_.may_write_output()) {
      const std::optional<Portion> portion = input_.inbox.take_block();
      if (!portion) return;
      input_.consumed = portion->last;
      input_.reader.set_taken(portion->last);
      input_.end_taken = portion->is_end();
      if (portion->is_end()) return finish();
      pass_on(*portion);
    }
  }

  std::span<uint8_t> output_space() override { return {}; }
  void on_output(size_t) override {}
  void on_fed(size_t) override {}
  void on_stdin_broken() override {}
  void on_run_end(const RunEnd&) override {}
  void on_rewound(size_t, const Position&) override {}
  void on_meeting(size_t) override {}
  void on_enough() override {
    if (!ending_ && !ended_) finish();
  }
  bool ended() const override { return ended_; }
  bool holds() const override { return false; }
  std::string state() const override { return ending_ ? "relay ending" : "relay"; }

 private:
  void pass_on(const Portion& portion) {
    if (portion.mark) {
      node_.append_mark(*portion.mark);
    } else {
      Cut cut;
      cut.buffer.reset(new uint8_t[wire::kBlockHeaderBytes + portion.bytes.size]);
      std::memcpy(cut.buffer.get() + wire::kBlockHeaderBytes, portion.bytes.data,
                  portion.bytes.size);
      cut.payload_bytes = static_cast<uint32_t>(portion.bytes.size);
      cut.pieces = portion.pieces;
      cut.records = portion.ends_record ? portion.pieces : 0;
      cut.continued = !portion.ends_record;
      node_.append(std::move(cut), portion.shape);
    }
    node_.commit_unit({{0, portion.last, false, false}});
    settle_when_synced(portion.last);
  }

  void settle_when_synced(const Position& at) {
    node_.sync_this_turn();
    node_.when_persisted([this, at] { input_.reader.set_settled(at); });
  }

  void finish() {
    ending_ = true;
    node_.end_lane([this] {
      ended_ = true;
      input_.reader.set_settled(kEverything);
    });
  }

  Node& node_;
  Input& input_;
  bool ending_ = false;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<Runner> make_relay_runner(Node& node, const LogState& state) {
  return std::make_unique<RelayRunner>(node, state);
}

}  // namespace weir::core
