// A source through its lives: its log outlives each of them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "wrapper/core/node.h"
#include "wrapper/core/report.h"
#include "wrapper/wal/memory_log.h"

namespace weir::core {

// One life of a source, and of readers that take all. Its log outlives it.
class Life : public Effects {
 public:
  // What `sent` has where the record under way is taken back.
  static constexpr std::string_view kTakenBack = "<taken back>";

  Life(wal::MemoryLog& log, const wire::StartOrder& order) : log_(log) {
    const auto state = load(log_);
    const Incarnation of{order.term, next_boot(*state), 7};
    node_ = std::make_unique<Node>(NodeConfig{order, of, 4u << 20}, log_, *state, *this);
    node_->start(now_);
    turns();
    for (size_t reader = 0; reader < order.readers.size(); ++reader) {
      node_->reader_connected(reader);
      const auto& hello = std::get<edge::Hello>(last_to_reader_);
      sessions_.push_back(hello.session);
      node_->on_reader_frame(
          reader, edge::Welcome{hello.session, 1, hello.writer(), {}, {}, 64u << 20, false, false});
    }
    turns();
  }

  void turns() {
    for (int i = 0; i < 5; ++i) {
      now_ += std::chrono::milliseconds(10);
      node_->turn(now_);
      for (const wal::LogBatch& batch : std::exchange(batches_, {})) {
        EXPECT_TRUE(log_.write(batch, true));
        node_->on_persisted();
      }
    }
  }

  // Its program writes this.
  void say(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::span<uint8_t> space = node_->output_space();
      ASSERT_FALSE(space.empty());
      const size_t count = std::min(space.size(), bytes.size());
      std::copy_n(bytes.begin(), count, space.begin());
      node_->on_output(count);
      bytes.remove_prefix(count);
      node_->turn(now_);
    }
    turns();
  }
  // The program says nothing, and the loop turns as it does then.
  void idle(std::chrono::milliseconds time) {
    for (const SteadyTime until = now_ + time; now_ < until; turns()) now_ += Node::kTickInterval;
  }
  // Neither the program nor this process does anything: the machine was stopped.
  void stand_still(std::chrono::milliseconds time) {
    now_ += time;
    turns();
  }
  // A crash: what is not in the log is gone.
  void turns_that_lose_writes() {
    now_ += std::chrono::milliseconds(10);
    node_->turn(now_);
    batches_.clear();
  }
  void exit(int status) {
    RunEnd end;
    end.code = status;
    node_->on_run_end(end);
    turns();
  }
  // Up to the last that was sent, or to this number.
  void settle(size_t reader = 0, uint64_t seq = 0) {
    const Position at{last_.of, seq == 0 ? last_.last() : seq};
    node_->on_reader_frame(reader, edge::Ack{sessions_[reader], at, at, false, false, false});
    turns();
  }
  void want_no_more(size_t reader, bool settled = true) {
    const Position at = settled ? kEverything : Position{};
    node_->on_reader_frame(reader, edge::Ack{sessions_[reader], {}, at, true, false, false});
    turns();
  }

  wire::InstanceStatus report() const { return make_report(*node_, {}, now_); }
  uint64_t settled() const { return report().settled_position.records; }
  Node& node() { return *node_; }

  std::vector<std::string> positions;  // WEIR_POSITION of each run.
  std::string sent;
  std::string fed;  // To the program, in all.
  int runs = 0;
  int terminated = 0;
  bool may_fail = false;
  std::string failure;
  bool stdout_closed = false;

  void to_writer(size_t, const edge::Frame&) override {}
  void to_reader(size_t, const edge::Frame& frame) override { last_to_reader_ = frame; }
  bool block_to_reader(size_t reader, const wire::Block& block) override {
    last_ = block.header;
    if (reader != 0) return true;
    sent += block.payload().view();
    if (wire::is_abandoned(block.header.mark)) sent += kTakenBack;
    return true;
  }
  void reconnect(size_t) override {}
  void persist(wal::LogBatch batch, bool) override { batches_.push_back(std::move(batch)); }
  void start_run(const RunOrder& order) override {
    ++runs;
    for (const auto& [name, value] : order.env) {
      if (name == "WEIR_POSITION") positions.push_back(value);
    }
  }
  void feed(const SharedBytes& bytes) override { fed += bytes.view(); }
  void close_stdin() override {}
  void close_stdout() override { stdout_closed = true; }
  void kill_run() override {}
  void terminate_run() override { ++terminated; }
  uint64_t run_cpu_ticks() override { return 0; }
  void keep_output(const SharedBytes&) override {}
  void wake_at(SteadyTime) override {}
  void note(std::string) override {}
  void failed(std::string reason) override {
    if (!may_fail) ADD_FAILURE() << reason;
    failure = std::move(reason);
  }
  void superseded(const Incarnation&) override {}

 private:
  wal::MemoryLog& log_;
  std::unique_ptr<Node> node_;
  std::vector<wal::LogBatch> batches_;
  std::vector<uint64_t> sessions_;
  edge::Frame last_to_reader_;
  wire::BlockHeader last_;
  SteadyTime now_{std::chrono::hours(1)};
};

}  // namespace weir::core
