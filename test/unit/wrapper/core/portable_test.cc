// Portable sources (R5): where their logs begin, what their programs are told, and how far they say
// that their records are settled.
#include <gtest/gtest.h>

#include <algorithm>

#include "wrapper/core/node.h"
#include "wrapper/core/report.h"
#include "wrapper/core/settled_position.h"
#include "wrapper/wal/memory_log.h"

namespace weir::core {
namespace {

wire::StartOrder source(uint64_t position = 0) {
  wire::StartOrder order;
  order.pipeline = "test";
  order.term = 2;
  order.node.name = "source";
  order.node.run = "simulated";
  order.node.portable = true;
  order.node.durability = graph::Durability::kDisk;
  order.node.backoff_first = std::chrono::milliseconds(1);
  order.readers = {{"next.0", ""}};
  order.position = position;
  return order;
}

// One life of a source, and of readers that take all. Its log outlives it.
class Life : public Effects {
 public:
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

  uint64_t settled() const { return make_report(*node_, {}, now_).settled_position; }
  Node& node() { return *node_; }

  std::vector<std::string> positions;  // WEIR_POSITION of each run.
  std::string sent;
  bool stdout_closed = false;

  void to_writer(size_t, const edge::Frame&) override {}
  void to_reader(size_t, const edge::Frame& frame) override { last_to_reader_ = frame; }
  bool block_to_reader(size_t reader, const wire::Block& block) override {
    last_ = block.header;
    if (reader == 0) sent += block.payload().view();
    return true;
  }
  void reconnect(size_t) override {}
  void persist(wal::LogBatch batch, bool) override { batches_.push_back(std::move(batch)); }
  void start_run(const RunOrder& order) override {
    for (const auto& [name, value] : order.env) {
      if (name == "WEIR_POSITION") positions.push_back(value);
    }
  }
  void feed(const SharedBytes&) override {}
  void close_stdin() override {}
  void close_stdout() override { stdout_closed = true; }
  void kill_run() override {}
  void terminate_run() override {}
  uint64_t run_cpu_ticks() override { return 0; }
  void keep_output(const SharedBytes&) override {}
  void wake_at(SteadyTime) override {}
  void note(std::string) override {}
  void failed(std::string reason) override { ADD_FAILURE() << reason; }
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

using Positions = std::vector<std::string>;

TEST(Portable, R5ALogBeginsWhereTheOrderSaysAndGoesOnFromThere) {
  wal::MemoryLog log;
  {
    Life life(log, source(120));
    EXPECT_EQ(life.positions, Positions{"120"});
    EXPECT_EQ(life.settled(), 120u);
    life.say("121\n122\n");
    life.exit(1);
    EXPECT_EQ(life.positions, (Positions{"120", "122"}));
  }
  // An order of a later term that was only raised.
  wire::StartOrder order = source(120);
  order.term = 3;
  EXPECT_EQ(Life(log, order).positions, Positions{"122"});
  EXPECT_EQ(load(log)->base_position, 120u);
}

TEST(Portable, R5OnlyAPortableOneBeginsElsewhere) {
  wal::MemoryLog log;
  wire::StartOrder order = source(120);
  order.node.portable = false;
  Life life(log, order);
  EXPECT_EQ(life.positions, Positions{"0"});
  life.say("1\n");
  life.settle();
  EXPECT_EQ(life.settled(), 0u) << "nobody is to go on from there";
}

TEST(Portable, R5FramesAreCountedToo) {
  wal::MemoryLog log;
  wire::StartOrder order = source(120);
  order.node.protocol = graph::Protocol::kFrames;
  Life life(log, order);
  EXPECT_EQ(life.positions, Positions{"120"});
  life.say(std::string("\0\0\0\1x\0\0\0\0\0\0\0\1y", 14));
  life.settle();
  EXPECT_EQ(life.settled(), 122u) << "an empty one is no record";
}

TEST(Portable, R5WhatAllReadersHaveSettledIsReported) {
  wal::MemoryLog log;
  wire::StartOrder order = source();
  order.readers.push_back({"other.0", ""});
  Life life(log, order);
  life.say("1\n2\n3\n");
  EXPECT_EQ(life.settled(), 0u);
  life.settle(0);
  EXPECT_EQ(life.settled(), 0u) << "the other one may need them yet";
  life.settle(1, 2);
  EXPECT_EQ(life.settled(), 0u) << "commits are counted whole";
  life.settle(1);
  EXPECT_EQ(life.settled(), 3u);
  life.say("4\n5\n");
  life.settle(0);
  EXPECT_EQ(life.settled(), 3u);
  life.want_no_more(1);
  EXPECT_EQ(life.settled(), 5u) << "who wants no more holds up nobody";
}

TEST(Portable, R5ARecordInPiecesIsOne) {
  wal::MemoryLog log;
  Life life(log, source());
  life.say(std::string(3 << 20, 'x'));
  life.settle();
  EXPECT_EQ(life.settled(), 0u) << "a part of one";
  life.say("\nsecond\n");
  life.settle();
  EXPECT_EQ(life.settled(), 2u);
}

TEST(Portable, R5AfterARestartWhatWasWrittenBeforeCountsAsAWhole) {
  wal::MemoryLog log;
  {
    Life life(log, source());
    life.say("1\n2\n");
    life.settle();
    life.say("3\n");
    EXPECT_EQ(life.settled(), 2u);
  }
  Life life(log, source());
  EXPECT_EQ(life.positions, Positions{"3"});
  EXPECT_EQ(life.settled(), 0u);
  life.settle();
  EXPECT_EQ(life.settled(), 3u);
}

TEST(Portable, R5WhatIsDrainedSaysNothing) {
  wal::MemoryLog log;
  { Life(log, source()).say("1\n"); }
  wire::StartOrder order = source(5);
  order.drains = 2;
  order.end = true;
  Life life(log, order);
  life.settle();
  EXPECT_EQ(life.settled(), 0u);
  EXPECT_TRUE(life.node().ended_and_settled());
}

// A reader that wants no more may lose its log before the sinks have settled what it made.
TEST(Portable, R5R8ItsProgramGoesOnUntilNobodyCanAskAgain) {
  wal::MemoryLog log;
  Life life(log, source(120));
  life.want_no_more(0, false);
  life.say("121\n");
  EXPECT_FALSE(life.stdout_closed);
  EXPECT_EQ(life.sent, "");
  EXPECT_EQ(life.node().unsettled_records(), 1u);
  life.want_no_more(0);
  EXPECT_TRUE(life.stdout_closed);
}

// ---- with `rerun`

wire::StartOrder rerun(uint64_t position) {
  wire::StartOrder order = source(position);
  order.node.rerun = true;
  return order;
}

TEST(Portable, R5OfASourceThatBeginsAnewTheSettledRecordsAreSkipped) {
  wal::MemoryLog log;
  {
    Life life(log, rerun(3));
    EXPECT_EQ(life.positions, Positions{"0"});
    life.say("1\n2\n");
    life.say("3");
    EXPECT_EQ(life.sent, "");
    life.say("\n4\n5\n");
    EXPECT_EQ(life.sent, "4\n5\n");
    life.settle();
    EXPECT_EQ(life.settled(), 5u);
  }
  Life life(log, rerun(3));
  life.say("1\n2\n3\n4\n5\n6\n");
  EXPECT_EQ(life.sent, "4\n5\n6\n") << "what its log has is recognised";
  life.settle();
  EXPECT_EQ(life.settled(), 6u);
}

TEST(Portable, R5OneThatWritesNoMoreThanWasSettledEndsWithNothing) {
  wal::MemoryLog log;
  Life life(log, rerun(3));
  life.say("1\n2\nunfinished");
  life.exit(0);
  EXPECT_EQ(life.sent, "");
  life.settle();
  EXPECT_TRUE(life.node().ended_and_settled());
}

// What is written twice must not be counted twice: a record that nobody had would be skipped.
TEST(Portable, R5WhatIsWrittenAgainAsNewHasThePositionThatItHadBefore) {
  wal::MemoryLog log;
  {
    Life life(log, rerun(1));
    life.say("1\n2\n3\n");
    life.settle();
    EXPECT_EQ(life.settled(), 3u);
  }
  Life life(log, rerun(1));
  life.say("1\n2\nthree\n4\n");
  EXPECT_EQ(life.sent, "2\n3\n2\nthree\n4\n");
  life.settle();
  EXPECT_EQ(life.settled(), 4u);
}

// ---- bounds

TEST(SettledPosition, R7IsBoundedAndNeverTooHigh) {
  SettledPosition position;
  constexpr uint64_t kCommits = 3 * SettledPosition::kCommitsMax;
  for (uint64_t i = 1; i <= kCommits; ++i) position.committed({1, 1, 2 * i}, i);
  for (uint64_t seq = 0; seq <= 2 * kCommits; ++seq) {
    position.advance([&](const RecordId& last) { return last.seq <= seq; });
    ASSERT_LE(position.value(), seq / 2);
    ASSERT_GE(position.value() + 64, seq / 2) << "it is not far behind";
  }
  EXPECT_EQ(position.value(), kCommits);
}

}  // namespace
}  // namespace weir::core
