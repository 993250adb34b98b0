// One node against hand-made surroundings: what it writes, in which order, and what that costs.
#include "wrapper/core/node.h"

#include <gtest/gtest.h>

#include <cstring>

#include "wrapper/wal/memory_log.h"

namespace weir::core {
namespace {

class RecordedEffects : public Effects {
 public:
  void to_writer(size_t, const edge::Frame& frame) override { to_writers.push_back(frame); }
  void to_reader(size_t, const edge::Frame& frame) override { to_readers.push_back(frame); }
  bool block_to_reader(size_t, const wire::Block& block) override {
    sent.push_back(block);
    order.push_back("send");
    return true;
  }
  void reconnect(size_t) override {}
  void persist(wal::LogBatch batch, bool sync) override {
    order.push_back(sync ? "sync" : "write");
    batches.push_back(std::move(batch));
  }
  void start_run(const RunOrder& run) override { runs.push_back(run); }
  void feed(const SharedBytes& bytes) override { fed.push_back(bytes); }
  void close_stdin() override { stdin_closed = true; }
  void close_stdout() override { stdout_closed = true; }
  void kill_run() override { ++kills; }
  void terminate_run() override { ++kills; }
  uint64_t run_cpu_ticks() override { return 0; }
  void keep_output(const SharedBytes& bytes) override { kept += bytes.view(); }
  void wake_at(SteadyTime) override {}
  void note(std::string text) override { notes.push_back(std::move(text)); }
  void failed(std::string reason) override { failure = std::move(reason); }
  void superseded(const Incarnation&) override {}

  std::vector<edge::Frame> to_writers, to_readers;
  std::vector<wire::Block> sent;
  std::vector<wal::LogBatch> batches;
  std::vector<std::string> order;
  std::vector<RunOrder> runs;
  std::vector<SharedBytes> fed;
  std::vector<std::string> notes;
  std::string failure;
  std::string kept;
  bool stdin_closed = false, stdout_closed = false;
  int kills = 0;
};

// The first block of a lane.
wire::Block block_of(const Incarnation& of, std::string_view text, uint32_t records) {
  wire::BlockHeader header;
  header.of = of;
  header.first = 1;
  header.pieces = records;
  header.payload_bytes = static_cast<uint32_t>(text.size());
  std::shared_ptr<uint8_t[]> buffer(new uint8_t[wire::kBlockHeaderBytes + text.size()]);
  std::copy(text.begin(), text.end(), buffer.get() + wire::kBlockHeaderBytes);
  return wire::finish_block(std::move(buffer), header);
}

class NodeTest : public ::testing::Test {
 protected:
  void make(wire::StartOrder order) {
    order.pipeline = "test";
    order.term = 1;
    const auto state = load(log_);
    ASSERT_TRUE(state);
    node_ = std::make_unique<Node>(NodeConfig{order, {1, ++boot_, 7}, 4u << 20}, log_, *state, fx_);
    node_->start(now_);
    write_all();
  }

  // All that was handed to the log is in it.
  void write_all() {
    while (written_ < fx_.batches.size()) {
      ASSERT_TRUE(log_.write(fx_.batches[written_++], true));
      node_->on_persisted();
    }
  }

  void turn() {
    now_ += std::chrono::milliseconds(1);
    node_->turn(now_);
  }

  // Lets the only reader meet the node and want everything.
  void meet_reader() {
    node_->reader_connected(0);
    const auto& hello = std::get<edge::Hello>(fx_.to_readers.back());
    node_->on_reader_frame(
        0, edge::Welcome{hello.session, 1, hello.writer(), {}, {}, 64u << 20, false, false});
  }

  void output(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::span<uint8_t> space = node_->output_space();
      ASSERT_FALSE(space.empty());
      const size_t count = std::min(space.size(), bytes.size());
      std::memcpy(space.data(), bytes.data(), count);
      node_->on_output(count);
      bytes.remove_prefix(count);
    }
  }

  static wire::StartOrder source() {
    wire::StartOrder order;
    order.node.name = "source";
    order.node.run = "simulated";
    order.node.durability = graph::Durability::kDisk;
    order.readers = {{"next.0", ""}};
    return order;
  }

  wal::MemoryLog log_;
  RecordedEffects fx_;
  std::unique_ptr<Node> node_;
  SteadyTime now_{};
  uint64_t boot_ = 0;
  size_t written_ = 0;
};

TEST_F(NodeTest, R1NothingIsSentBeforeTheCommitThatPublishesIt) {
  make(source());
  meet_reader();
  turn();
  fx_.order.clear();
  output("1\n2\n3\n");
  turn();
  turn();
  EXPECT_EQ(fx_.order, std::vector<std::string>{"sync"}) << "a source syncs, and waits for it";
  EXPECT_TRUE(fx_.sent.empty());
  write_all();
  turn();
  EXPECT_EQ(fx_.order, (std::vector<std::string>{"sync", "send"}));
  ASSERT_EQ(fx_.sent.size(), 1u);
  EXPECT_EQ(fx_.sent[0].payload().view(), "1\n2\n3\n");
}

TEST_F(NodeTest, TheBytesReadAreTheBytesLoggedAndSent) {
  make(source());
  meet_reader();
  turn();
  const std::span<uint8_t> space = node_->output_space();
  const uint8_t* const read_to = space.data();
  const std::string line(99, 'x');
  std::string text;
  while (text.size() + 100 <= space.size()) text += line + "\n";
  std::memcpy(space.data(), text.data(), text.size());
  node_->on_output(text.size());
  const size_t batches = fx_.batches.size();
  turn();
  ASSERT_EQ(fx_.batches.size(), batches + 1) << "one write for a block";
  const auto& ops = fx_.batches.back().ops();
  const auto block = std::find_if(ops.begin(), ops.end(),
                                  [](const auto& op) { return op.shared.data != nullptr; });
  ASSERT_NE(block, ops.end());
  EXPECT_LE(ops.size(), 3u) << "the block, the commit, and now and then a group";
  EXPECT_EQ(block->shared.data, read_to - wire::kBlockHeaderBytes)
      << "no copy on the way to the log";
  write_all();
  turn();
  ASSERT_EQ(fx_.sent.size(), 1u);
  EXPECT_EQ(fx_.sent[0].bytes.data, read_to - wire::kBlockHeaderBytes) << "nor to the wire";
}

TEST_F(NodeTest, UnderLoadBlocksAreLargeAndWritesFew) {
  make(source());
  meet_reader();
  turn();
  const size_t before = fx_.batches.size();
  std::string chunk(4096, 'x');
  chunk.back() = '\n';
  for (int i = 0; i < 1024; ++i) {
    output(chunk);
    turn();
    if (i % 128 == 127) write_all();
  }
  write_all();
  turn();
  write_all();
  // 4 MiB in chunks of a page: a block takes 128 KiB or more while another is on its way.
  EXPECT_LE(fx_.batches.size() - before, 48u);
}

TEST_F(NodeTest, WhenIdleABlockGoesAtOnce) {
  make(source());
  meet_reader();
  turn();
  output("one\n");
  turn();
  write_all();
  turn();
  EXPECT_EQ(fx_.sent.size(), 1u);
}

// ---- A sink that nobody reads

wire::StartOrder unread_sink(graph::Unit unit) {
  wire::StartOrder order;
  order.node.name = "sink";
  order.node.run = "simulated";
  order.node.unit = unit;
  order.node.backoff_first = std::chrono::milliseconds(0);
  order.sink = true;
  order.writers = {"source.0"};
  return order;
}

// Log bytes of all that was written so far, and whether a text is in it.
bool is_in_log(const std::vector<wal::LogBatch>& batches, std::string_view text) {
  return std::any_of(batches.begin(), batches.end(), [&](const wal::LogBatch& batch) {
    return std::any_of(batch.ops().begin(), batch.ops().end(), [&](const auto& op) {
      return op.value().find(text) != std::string_view::npos;
    });
  });
}

TEST_F(NodeTest, TheOutputOfAnUnreadSinkIsKeptAfterItsCommitAndNotInTheLog) {
  make(unread_sink(graph::Unit::kStream));
  turn();
  output("hello\n");
  turn();
  EXPECT_EQ(fx_.kept, "") << "not before the commit";
  write_all();
  EXPECT_EQ(fx_.kept, "hello\n");
  EXPECT_FALSE(is_in_log(fx_.batches, "hello"));
  EXPECT_EQ(node_->counters().records_out, 1u);
  EXPECT_EQ(node_->lane().log_bytes(), 0u);
}

TEST_F(NodeTest, AnUnreadSinkWritesWithoutEndWithinBounds) {
  wire::StartOrder order = unread_sink(graph::Unit::kStream);
  order.log_limit_bytes = 1u << 20;
  make(order);
  turn();
  const std::string chunk(64u << 10, 'x');
  size_t written = 0;
  // Nothing is taken from it while the log does not keep up...
  while (!node_->output_space().empty() && written < (64u << 20)) {
    output(chunk + "\n");
    written += chunk.size() + 1;
    turn();
  }
  EXPECT_LE(written, 2 * Node::kPersistingBytesMax);
  // ...and everything while it does, although it is more than the log may hold.
  for (int i = 0; i < 200; ++i) {
    write_all();
    turn();
    output(chunk + "\n");
    written += chunk.size() + 1;
  }
  turn();
  write_all();
  turn();
  write_all();
  EXPECT_EQ(fx_.kept.size(), written);
  EXPECT_EQ(node_->lane().log_bytes(), 0u);
}

TEST_F(NodeTest, R8TheEndIsCommittedWithTheLastOutput) {
  make(source());
  meet_reader();
  turn();
  output("1\nlast");
  node_->on_run_end({});
  const size_t before = fx_.batches.size();
  turn();
  ASSERT_EQ(fx_.batches.size(), before + 1);
  write_all();
  EXPECT_TRUE(node_->ended());
  turn();
  ASSERT_EQ(fx_.sent.size(), 3u);
  EXPECT_EQ(fx_.sent[1].payload().view(), "last");
  EXPECT_TRUE(fx_.sent[2].header.is_end());
  EXPECT_FALSE(node_->ended_and_settled());
  node_->on_reader_frame(0, edge::Ack{1, kEverything, kEverything, false, true, false});
  EXPECT_TRUE(node_->ended_and_settled());
}

TEST_F(NodeTest, R8ReadersThatWantNoMoreCloseTheProgramsOutput) {
  make(source());
  meet_reader();
  turn();
  output("1\n");
  turn();
  write_all();
  node_->on_reader_frame(0, edge::Ack{1, {}, {}, true, false, false});
  turn();
  EXPECT_TRUE(fx_.stdout_closed);
  RunEnd end;
  end.kind = RunEnd::Kind::kSignaled;
  end.code = 13;
  node_->on_run_end(end);
  turn();
  write_all();
  EXPECT_TRUE(node_->ended()) << "SIGPIPE is good then";
}

TEST_F(NodeTest, R8AnEndedSourceIsStoppedAndItsWholeRecordsStay) {
  make(source());
  meet_reader();
  turn();
  output("1\n2\nha");
  turn();
  node_->end_source();
  turn();
  EXPECT_EQ(fx_.kills, 1);
  EXPECT_FALSE(fx_.stdout_closed) << "what it has written is still read";
  output("lf\n3\nnot who");
  RunEnd end;
  end.kind = RunEnd::Kind::kSignaled;
  end.code = 15;
  node_->on_run_end(end);
  turn();
  write_all();
  EXPECT_TRUE(node_->ended());
  turn();
  write_all();
  turn();
  std::string sent;
  for (const wire::Block& block : fx_.sent) sent += block.payload().view();
  EXPECT_EQ(sent, "1\n2\nhalf\n3\n");
  EXPECT_TRUE(fx_.sent.back().header.is_end());
  EXPECT_EQ(fx_.failure, "");
  EXPECT_EQ(fx_.runs.size(), 1u);
}

TEST_F(NodeTest, R8AnEndedSourceThatEndsWellKeepsItsLastRecord) {
  make(source());
  meet_reader();
  turn();
  node_->end_source();
  turn();
  output("1\nlast");
  node_->on_run_end({});
  turn();
  write_all();
  turn();
  ASSERT_EQ(fx_.sent.size(), 3u);
  EXPECT_EQ(fx_.sent[1].payload().view(), "last");
}

TEST_F(NodeTest, R8ARecordThatWasPublishedInPartIsAbandonedAtTheEnd) {
  make(source());
  meet_reader();
  turn();
  output(std::string(3u << 20, 'x'));
  turn();
  node_->end_source();
  turn();
  RunEnd end;
  end.kind = RunEnd::Kind::kSignaled;
  end.code = 15;
  node_->on_run_end(end);
  for (int i = 0; i < 3; ++i) {
    write_all();
    turn();
  }
  ASSERT_GE(fx_.sent.size(), 3u);
  EXPECT_TRUE(fx_.sent[fx_.sent.size() - 2].header.mark == wire::kAbandonedMark);
  EXPECT_TRUE(fx_.sent.back().header.is_end());
}

TEST_F(NodeTest, R8AnOrderThatSaysEndStartsNoProgram) {
  make(source());
  turn();
  output("1\n");
  turn();
  write_all();
  wire::StartOrder order = source();
  order.end = true;
  for (const graph::Protocol protocol : {graph::Protocol::kPipe, graph::Protocol::kFrames}) {
    order.node.protocol = protocol;
    make(order);  // It was killed before END was in the log.
    fx_.runs.clear();
    turn();
    write_all();
    EXPECT_TRUE(node_->ended());
    EXPECT_TRUE(fx_.runs.empty());
  }
}

TEST_F(NodeTest, R8AnEndedSourceOfFramesKeepsThoseThatAreWhole) {
  wire::StartOrder order = source();
  order.node.protocol = graph::Protocol::kFrames;
  make(order);
  meet_reader();
  turn();
  output(std::string("\0\0\0\3one\0\0\0\3tw", 13));
  node_->end_source();
  turn();
  EXPECT_EQ(fx_.kills, 1);
  RunEnd end;
  end.kind = RunEnd::Kind::kSignaled;
  end.code = 15;
  node_->on_run_end(end);
  for (int i = 0; i < 3; ++i) {
    write_all();
    turn();
  }
  ASSERT_EQ(fx_.sent.size(), 2u);
  EXPECT_EQ(fx_.sent[0].payload().view(), std::string_view("\0\0\0\3one", 7));
  EXPECT_TRUE(fx_.sent[1].header.is_end());
  EXPECT_EQ(fx_.failure, "");
}

TEST_F(NodeTest, ANodeWithInputsIsNotEndedFromOutside) {
  wire::StartOrder order = source();
  order.writers = {"before.0"};
  order.end = true;
  make(order);
  turn();
  node_->end_source();
  turn();
  write_all();
  EXPECT_FALSE(node_->ended());
  EXPECT_EQ(fx_.kills, 0);
}

// What says that a session is over may be lost with a connection; the writer's next sign of life
// shows that it was, and is not left without an answer until it gives the connection up.
TEST_F(NodeTest, R2AWriterThatHasNotHeardThatItsSessionIsOverIsToldAgain) {
  wire::StartOrder order;
  order.node.name = "middle";
  order.node.run = "simulated";
  order.node.protocol = graph::Protocol::kLines;
  order.writers = {"source.0"};
  order.readers = {{"next.0", ""}};
  make(order);
  const Incarnation of{9, 1, 5};
  EXPECT_FALSE(node_->on_hello(
      0, edge::Hello{4, {"test", "source.0", "middle.0"}, {{of, 1, 3}}, {9, 1, 1}}, {}));
  turn();
  write_all();
  turn();
  const auto& welcome = std::get<edge::Welcome>(fx_.to_writers.back());
  node_->on_writer_frame(0, edge::Begin{4, welcome.round, {9, 1, 1}, {}});
  node_->on_block(0, block_of(of, "1\n2\n3\n", 3));
  turn();
  ASSERT_EQ(fx_.runs.size(), 1u);
  RunEnd lost;
  lost.kind = RunEnd::Kind::kLost;
  node_->on_run_end(lost);
  ASSERT_EQ(std::get<edge::Reset>(fx_.to_writers.back()).session, 4u);
  fx_.to_writers.clear();
  turn();
  EXPECT_TRUE(fx_.to_writers.empty());
  node_->on_writer_frame(0, edge::Ping{4, {9, 1, 4}});
  ASSERT_EQ(fx_.to_writers.size(), 1u);
  EXPECT_EQ(std::get<edge::Reset>(fx_.to_writers[0]).session, 4u);
}

TEST_F(NodeTest, R9AFailedExecIsTheEndAtOnce) {
  make(source());
  turn();
  RunEnd end;
  end.kind = RunEnd::Kind::kNotStarted;
  end.reason = "cannot run nosuch: No such file or directory";
  node_->on_run_end(end);
  EXPECT_EQ(fx_.failure, "cannot run nosuch: No such file or directory");
}

TEST_F(NodeTest, R9ASourceThatFailsWithoutANewRecordFailsAtLast) {
  wire::StartOrder order = source();
  order.node.retries = 2;
  make(order);
  RunEnd end;
  end.code = 3;
  end.stderr_tail = "first\nno such host\n";
  for (int i = 0; i < 3; ++i) {
    now_ += std::chrono::minutes(1);
    turn();
    EXPECT_EQ(fx_.runs.size(), static_cast<size_t>(i + 1));
    node_->on_run_end(end);
    turn();
    write_all();
  }
  EXPECT_EQ(fx_.failure, "exited with status 3, 3 times; last line of its stderr: no such host");
}

TEST_F(NodeTest, R4AttemptsAreCountedInTheLog) {
  wire::StartOrder order = source();
  order.node.retries = 2;
  RunEnd end;
  end.code = 3;
  for (int i = 0; i < 3; ++i) {
    make(order);  // The wrapper crashes after each failure.
    turn();
    node_->on_run_end(end);
    turn();
    write_all();
  }
  EXPECT_NE(fx_.failure, "");
}

TEST_F(NodeTest, R7AFullLogStopsTheReading) {
  wire::StartOrder order = source();
  order.log_limit_bytes = 300'000;
  make(order);
  turn();
  size_t written = 0;
  while (!node_->output_space().empty() && written < 10'000'000) {
    output("0123456789012345678901234567890123456789\n");
    written += 41;
    turn();
    write_all();
  }
  EXPECT_LT(written, 1'000'000u);
}

// What one run of a batch writes may be half a log: it waits there, not in memory.
TEST(Lane, R7StagedOutputIsNotKeptInMemory) {
  wal::MemoryLog log;
  wal::LogBatch batch;
  Lane lane(log, {}, {1, 9, 7}, batch);
  std::vector<std::weak_ptr<uint8_t[]>> buffers;
  const auto append = [&] {
    Cut cut;
    cut.buffer.reset(new uint8_t[wire::kBlockHeaderBytes + wire::kBlockPayloadBytesMax]);
    std::memset(cut.buffer.get() + wire::kBlockHeaderBytes, 'x', wire::kBlockPayloadBytesMax);
    cut.payload_bytes = wire::kBlockPayloadBytesMax;
    cut.pieces = cut.records = 1;
    buffers.push_back(cut.buffer);
    lane.append(std::move(cut), wire::Shape::kLines, batch);
    ASSERT_TRUE(log.write(std::exchange(batch, {}), true));
    lane.forget_recent(kAllRecords);
  };
  constexpr size_t kBlocks = 40;
  for (size_t i = 0; i < kBlocks; ++i) append();
  EXPECT_LE(std::ranges::count_if(buffers, [](const auto& each) { return !each.expired(); }),
            static_cast<ptrdiff_t>(Lane::kStagedBytesMax >> 20));
  lane.publish(batch);
  lane.persisted(lane.staged_last());
  for (uint64_t seq = 1; seq <= kBlocks; ++seq) {
    const auto block = lane.block_at({1, 9, seq});
    ASSERT_TRUE(block) << block.error().what;
    ASSERT_TRUE(block->has_value()) << seq;
    EXPECT_EQ((*block)->header.first, seq);
  }
}

// A full disk gets room by what sinks settle: what they need must come through.
TEST_F(NodeTest, R7OnAFullDiskAnInnerNodeHandsOnALittleAtATime) {
  wire::StartOrder order = source();
  order.node.unit = graph::Unit::kStream;
  order.writers = {"source.0"};
  make(order);
  meet_reader();
  turn();
  node_->set_pressure(Pressure::kAll);
  const std::string line = std::string(4095, 'x') + "\n";
  const auto write_what_it_may = [&] {
    size_t written = 0;
    while (!node_->output_space().empty() && written < 64 * Node::kDrainBytes) {
      output(line);
      written += line.size();
      turn();
      write_all();
    }
    return written;
  };
  EXPECT_GE(write_what_it_may(), Node::kDrainBytes / 2);
  EXPECT_LT(node_->lane().log_bytes(), 2 * Node::kDrainBytes);
  turn();
  EXPECT_EQ(write_what_it_may(), 0u) << "nothing has drained";
  const auto& hello = std::get<edge::Hello>(fx_.to_readers.front());
  const auto& last = fx_.sent.back().header;
  EXPECT_EQ(last.last(), node_->lane().published_last());
  const Position all{last.of, last.last()};
  node_->on_reader_frame(0, edge::Ack{hello.session, all, all, false, false, false});
  turn();
  write_all();
  EXPECT_EQ(node_->lane().log_bytes(), 0u);
  EXPECT_GT(write_what_it_may(), 0u);
}

TEST_F(NodeTest, R7OnAFullDiskASourceIsNotRead) {
  make(source());
  turn();
  node_->set_pressure(Pressure::kSources);
  EXPECT_TRUE(node_->output_space().empty());
}

// Blocks go in groups; a limit that is smaller than one would be waited for without end.
TEST_F(NodeTest, R7ALimitThatHasNoRoomForABlockIsAFailure) {
  for (const bool holds : {false, true}) {
    SCOPED_TRACE(holds);
    wire::StartOrder order = source();
    order.log_limit_bytes = Lane::kGroupBytesMin / 2;
    order.trim_at_taken = true;
    make(order);
    meet_reader();
    turn();
    while (!node_->output_space().empty()) {
      output("0123456789012345678901234567890123456789\n");
      turn();
      write_all();
    }
    for (int i = 0; i < 3; ++i) {
      turn();
      write_all();
    }
    EXPECT_EQ(fx_.failure, "") << "the reader has not said yet what it has";
    const auto& hello = std::get<edge::Hello>(fx_.to_readers.front());
    const auto& last = fx_.sent.back().header;
    const Position all{last.of, last.last()};
    node_->on_reader_frame(
        0, edge::Ack{hello.session, all, holds ? Position{} : all, false, false, holds});
    for (int i = 0; i < 3; ++i) {
      turn();
      write_all();
    }
    EXPECT_NE(fx_.failure.find("no room for a block"), std::string::npos) << fx_.failure;
    fx_ = {};
    written_ = 0;
    log_ = {};
  }
}

}  // namespace
}  // namespace weir::core
