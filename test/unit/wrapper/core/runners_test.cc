// Batches and replies: halving, dead letters, protocol and stalls (R9, R11, R12), with a simulated
// program behind the node.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>

#include "wrapper/core/node.h"
#include "wrapper/core/state.h"
#include "wrapper/wal/keys.h"
#include "wrapper/wal/memory_log.h"

namespace weir::core {
namespace {

// A whole unit of the program: what it is fed up to the end of its input, and how it ends.
using Program = std::function<RunEnd(const std::string& input, std::string& output)>;

class Bench : public Effects {
 public:
  static constexpr uint64_t kUnixMs = 1'700'000'000'000;

  Bench(wire::StartOrder order, Program program) : program_(std::move(program)) {
    order.pipeline = "test";
    order.term = 1;
    order.node.name = "node";
    order.node.run = "simulated";
    order.node.backoff_first = std::chrono::milliseconds(1);
    order.writers = {"source.0"};
    if (!order.sink) order.readers = {{"next.0", ""}};
    const auto state = load(log_);
    node_ = std::make_unique<Node>(NodeConfig{order, {1, 1, 7}, 4u << 20}, log_, *state, *this);
    node_->start(now_);
    settle();
    const edge::Hello hello{1, {"test", "source.0", "node.0"}, {{kSource, 1, 1000}}, {9, 1, 1}};
    EXPECT_FALSE(node_->on_hello(0, hello));
    for (int i = 0; i < 3; ++i) settle();  // What is seen is synced, then WELCOME goes out.
    node_->on_writer_frame(0, edge::Begin{1, 1, {9, 1, 1}, edge::ResumeCause::kAfter});
  }

  // Sends records and the end of the lane, then lets everything happen.
  void run(const std::vector<std::string>& records) {
    uint64_t seq = 1;
    for (const std::string& record : records) {
      wire::BlockHeader header;
      header.of = kSource;
      header.first = seq++;
      header.pieces = 1;
      header.payload_bytes = static_cast<uint32_t>(record.size());
      std::shared_ptr<uint8_t[]> buffer(new uint8_t[wire::kBlockHeaderBytes + record.size()]);
      std::copy(record.begin(), record.end(), buffer.get() + wire::kBlockHeaderBytes);
      node_->on_block(0, wire::finish_block(std::move(buffer), header));
    }
    node_->on_block(0, wire::make_mark(kSource, seq, wire::kEnd));
    for (int i = 0; i < 2000 && !node_->ended() && failure.empty(); ++i) settle();
  }

  std::string output() const {
    std::string all;
    (void)log_.scan(wal::key(wal::kBlock), wal::key_end(wal::kBlock),
                    [&](std::string_view, std::string_view value) {
                      all += wire::decode_block(SharedBytes::copy_of(value))->payload().view();
                      return true;
                    });
    return all;
  }

  std::vector<DeadLetter> dead() const {
    std::vector<DeadLetter> letters;
    (void)log_.scan(wal::key(wal::kDead), wal::key_end(wal::kDead),
                    [&](std::string_view, std::string_view value) {
                      letters.push_back(*decode_dead_letter(value));
                      return true;
                    });
    return letters;
  }

  Node& node() { return *node_; }
  void pass(std::chrono::milliseconds time) { now_ += time; }

  // One turn of everything.
  void settle() {
    now_ += std::chrono::milliseconds(40);
    while (!batches_.empty()) {
      (void)log_.write(batches_.front(), true);
      batches_.erase(batches_.begin());
      node_->on_persisted();
    }
    node_->turn(now_);
    if (running && closed_) {
      closed_ = false;
      running = false;
      std::string out;
      const RunEnd end = program_(std::exchange(fed, {}), out);
      while (!out.empty()) {
        const std::span<uint8_t> space = node_->output_space();
        if (space.empty()) break;
        const size_t count = std::min(space.size(), out.size());
        std::copy_n(out.begin(), count, space.begin());
        node_->on_output(count);
        out.erase(0, count);
      }
      node_->on_run_end(end);
    }
    node_->turn(now_);
  }

  void to_writer(size_t, const edge::Frame&) override {}
  void to_reader(size_t, const edge::Frame&) override {}
  bool block_to_reader(size_t, const wire::Block&) override { return true; }
  void reconnect(size_t) override {}
  void persist(wal::LogBatch batch, bool) override { batches_.push_back(std::move(batch)); }
  void start_run(const RunOrder& order) override {
    ++runs;
    running = true;
    fed.clear();
    for (const auto& [name, value] : order.env) {
      if (name == "WEIR_UNIT") units.push_back(value);
    }
  }
  void feed(const SharedBytes& bytes) override { fed += bytes.view(); }
  void close_stdin() override { closed_ = true; }
  void close_stdout() override {}
  void kill_run() override { running = false; }
  void terminate_run() override { ++terminated; }
  uint64_t run_cpu_ticks() override { return cpu; }
  void keep_output(const SharedBytes& bytes) override { kept += bytes.view(); }
  uint64_t unix_ms() override { return kUnixMs; }
  void wake_at(SteadyTime) override {}
  void note(std::string text) override { notes.push_back(std::move(text)); }
  void failed(std::string reason) override { failure = std::move(reason); }
  void superseded(const Incarnation&) override {}

  int runs = 0;
  int terminated = 0;
  uint64_t cpu = 0;
  bool running = false;
  std::string fed;
  std::string failure;
  std::string kept;
  std::vector<std::string> units;
  std::vector<std::string> notes;

 private:
  static constexpr Incarnation kSource{9, 1, 5};

  Program program_;
  wal::MemoryLog log_;
  std::unique_ptr<Node> node_;
  std::vector<wal::LogBatch> batches_;
  SteadyTime now_{};
  bool closed_ = false;
};

wire::StartOrder batch(uint32_t retries = 1) {
  wire::StartOrder order;
  order.node.unit = graph::Unit::kBatch;
  order.node.retries = retries;
  return order;
}

std::vector<std::string> lines(size_t count) {
  std::vector<std::string> all;
  for (size_t i = 1; i <= count; ++i) all.push_back(std::to_string(i) + "\n");
  return all;
}

RunEnd status(int code) {
  RunEnd end;
  end.code = code;
  return end;
}

// Fails when it is given the line "13".
RunEnd hates_13(const std::string& input, std::string& output) {
  if (("\n" + input).find("\n13\n") != std::string::npos) return status(3);
  output = input;
  return status(0);
}

TEST(BatchRunner, OneUnitForWhatIsThere) {
  Bench bench(batch(), [](const std::string& input, std::string& output) {
    output = input;
    return status(0);
  });
  bench.run(lines(20));
  EXPECT_EQ(bench.runs, 1);
  EXPECT_EQ(bench.output().size(), 51u);
  EXPECT_TRUE(bench.node().ended());
}

TEST(BatchRunner, AnUnreadSinkKeepsWhatItsGoodRunsWrote) {
  wire::StartOrder order = batch();
  order.sink = true;
  int runs = 0;
  Bench bench(order, [&](const std::string& input, std::string& output) {
    output = input + std::string(100'000, 'x') + "\n";
    return status(++runs == 1 ? 3 : 0);
  });
  bench.run(lines(3));
  EXPECT_TRUE(bench.node().ended_and_settled());
  EXPECT_EQ(bench.runs, 2);
  EXPECT_EQ(bench.kept, "1\n2\n3\n" + std::string(100'000, 'x') + "\n");
  EXPECT_EQ(bench.output(), "") << "not in the log";
}

// More than can be held until its commit goes before it.
TEST(BatchRunner, TheOutputOfAnUnreadSinkIsNotHeldWithoutEnd) {
  wire::StartOrder order = batch();
  order.sink = true;
  const std::string large(8u << 20, 'x');
  Bench bench(order, [&](const std::string&, std::string& output) {
    output = large + "\n";
    return status(0);
  });
  bench.run(lines(1));
  EXPECT_TRUE(bench.node().ended());
  EXPECT_EQ(bench.kept.size(), large.size() + 1);
  EXPECT_EQ(bench.output(), "");
}

TEST(BatchRunner, R9APoisonRecordIsIsolatedInLogarithmicallyManyRuns) {
  Bench bench(batch(), hates_13);
  bench.run(lines(64));
  ASSERT_TRUE(bench.node().ended()) << bench.failure;
  const std::vector<DeadLetter> dead = bench.dead();
  ASSERT_EQ(dead.size(), 1u);
  EXPECT_EQ(dead[0].bytes, "13\n");
  EXPECT_EQ(dead[0].reason, "exited with status 3");
  EXPECT_EQ(dead[0].record.seq, 13u);
  EXPECT_EQ(dead[0].lane, "source.0");
  EXPECT_EQ(dead[0].status, 3);
  EXPECT_EQ(dead[0].signal, std::nullopt);
  EXPECT_EQ(dead[0].attempts, 2 + 6 + 1u) << "two of all, one of each half, and a second chance";
  EXPECT_EQ(dead[0].unix_ms, Bench::kUnixMs);
  EXPECT_EQ(dead[0].term, 1u);
  std::string expected;
  for (const std::string& line : lines(64)) expected += line == "13\n" ? "" : line;
  EXPECT_EQ(bench.output(), expected);
  EXPECT_LE(bench.runs, 2 + 2 * 6 + 2) << "two attempts, then halves, then a second chance";
}

TEST(BatchRunner, R9APoisonRecordAtTheVeryEnd) {
  Bench bench(batch(), hates_13);
  bench.run(lines(13));
  ASSERT_TRUE(bench.node().ended()) << bench.failure;
  EXPECT_EQ(bench.dead().size(), 1u);
}

TEST(BatchRunner, R9AnOutageIsNotPoison) {
  int down = 60;
  Bench bench(batch(), [&](const std::string& input, std::string& output) {
    if (--down > 0) return status(1);
    output = input;
    return status(0);
  });
  bench.run(lines(30));
  ASSERT_TRUE(bench.node().ended()) << bench.failure;
  EXPECT_EQ(bench.dead().size(), 0u);
  std::string expected;
  for (const std::string& line : lines(30)) expected += line;
  EXPECT_EQ(bench.output(), expected);
}

TEST(BatchRunner, R9Status75IsNoAttempt) {
  int down = 8;
  Bench bench(batch(), [&](const std::string& input, std::string& output) {
    if (--down > 0) return status(75);
    output = input;
    return status(0);
  });
  bench.run(lines(3));
  ASSERT_TRUE(bench.node().ended()) << bench.failure;
  EXPECT_EQ(std::set<std::string>(bench.units.begin(), bench.units.end()).size(), 1u)
      << "the same unit each time";
}

TEST(BatchRunner, R9AllRecordsFailing) {
  Bench bench(batch(), [](const std::string&, std::string&) { return status(4); });
  bench.run(lines(3));
  EXPECT_EQ(bench.failure, "every record failed: exited with status 4; last words: (none)");
}

TEST(BatchRunner, NotFoundIsTheEndAtOnce) {
  Bench bench(batch(), [](const std::string&, std::string&) { return status(127); });
  bench.run(lines(3));
  EXPECT_EQ(bench.failure, "exited with status 127");
  EXPECT_EQ(bench.runs, 1);
}

TEST(RecordUnit, OneRunForEachRecord) {
  wire::StartOrder order = batch();
  order.node.unit = graph::Unit::kRecord;
  Bench bench(order, hates_13);
  bench.run(lines(20));
  ASSERT_TRUE(bench.node().ended()) << bench.failure;
  EXPECT_EQ(bench.runs, 23) << "one of them twice, a second chance, and the next once more";
  EXPECT_EQ(bench.dead().size(), 1u);
}

wire::StartOrder replies() {
  wire::StartOrder order;
  order.node.protocol = graph::Protocol::kLines;
  order.node.retries = 1;
  order.node.stall_timeout = std::chrono::seconds(60);
  return order;
}

TEST(ReplyRunner, EachLineHasItsAnswerAndAnEmptyOneIsNone) {
  Bench bench(replies(), [](const std::string&, std::string&) { return status(0); });
  bench.run({});
  EXPECT_TRUE(bench.node().ended());
}

void answer(Bench& bench, std::string_view text) {
  const std::span<uint8_t> space = bench.node().output_space();
  ASSERT_GE(space.size(), text.size());
  std::copy(text.begin(), text.end(), space.begin());
  bench.node().on_output(text.size());
}

class Replies : public ::testing::Test {
 protected:
  Replies() : bench_(replies(), [](const std::string&, std::string&) { return status(0); }) {
    // The end of the lane comes later: the program stays.
    wire::BlockHeader header;
    header.of = {9, 1, 5};
    header.first = 1;
    header.pieces = 3;
    const std::string text = "a\nb\nc\n";
    header.payload_bytes = static_cast<uint32_t>(text.size());
    std::shared_ptr<uint8_t[]> buffer(new uint8_t[wire::kBlockHeaderBytes + text.size()]);
    std::copy(text.begin(), text.end(), buffer.get() + wire::kBlockHeaderBytes);
    bench_.node().on_block(0, wire::finish_block(std::move(buffer), header));
    bench_.settle();
  }
  Bench bench_;
};

TEST_F(Replies, AnswersCommitTheirInputs) {
  EXPECT_EQ(bench_.fed, "a\nb\nc\n");
  answer(bench_, "A\n\n");
  bench_.settle();
  bench_.settle();
  EXPECT_EQ(bench_.output(), "A\n");
  EXPECT_EQ(bench_.node().inputs()[0].durable.frontier.seq, 2u);
}

TEST_F(Replies, R11AnAnswerThatNothingAskedForStopsTheProgram) {
  answer(bench_, "A\nB\nC\nD\n");
  bench_.settle();
  EXPECT_EQ(bench_.terminated, 1);
  RunEnd end;
  end.kind = RunEnd::Kind::kSignaled;
  end.code = 15;
  bench_.node().on_run_end(end);
  ASSERT_FALSE(bench_.notes.empty());
  EXPECT_EQ(bench_.notes.back(), "wrote a reply that nothing asked for; attempt 1");
}

TEST_F(Replies, R11AMissingAnswerIsUnfinishedWork) {
  answer(bench_, "A\n");
  bench_.settle();
  bench_.node().on_run_end(status(0));
  ASSERT_FALSE(bench_.notes.empty());
  EXPECT_EQ(bench_.notes.back(), "exited with status 0 with 2 inputs unanswered; attempt 1");
}

TEST_F(Replies, R12NoProgressIsAStallAndProcessorTimeIsProgress) {
  bench_.pass(std::chrono::seconds(61));
  bench_.cpu = 5;
  bench_.settle();
  EXPECT_EQ(bench_.terminated, 0) << "it used the processor";
  bench_.pass(std::chrono::seconds(61));
  bench_.settle();
  EXPECT_EQ(bench_.terminated, 1);
}

}  // namespace
}  // namespace weir::core
