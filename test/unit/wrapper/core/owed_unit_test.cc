// Units that were under way when the wrapper was killed: the same records under the same name.
#include <gtest/gtest.h>

#include "wrapper/core/node.h"
#include "wrapper/core/state.h"
#include "wrapper/wal/memory_log.h"

namespace weir::core {
namespace {

constexpr Incarnation kSource{9, 1, 5};

// One life of a batch node. Its programs never end.
class Life : public Effects {
 public:
  Life(wal::MemoryLog& log, uint32_t boot) : log_(log) {
    wire::StartOrder order;
    order.pipeline = "test";
    order.term = 1;
    order.node.name = "node";
    order.node.run = "simulated";
    order.node.unit = graph::Unit::kBatch;
    order.writers = {"source.0"};
    order.readers = {{"next.0", ""}};
    const auto state = load(log_);
    node_ =
        std::make_unique<Node>(NodeConfig{order, {1, boot, boot}, 4u << 20}, log_, *state, *this);
    node_->start(now_);
    turns();
    const edge::Hello hello{1, {"test", "source.0", "node.0"}, {{kSource, 1, 1000}}, {9, 1, 1}};
    EXPECT_FALSE(node_->on_hello(0, hello, {}));
    turns();
    node_->on_writer_frame(0, edge::Begin{1, 1, {9, 1, 1}, edge::ResumeCause::kAfter});
  }

  void receive(uint64_t first, const std::string& bytes) {
    wire::BlockHeader header;
    header.of = kSource;
    header.first = first;
    header.pieces = static_cast<uint32_t>(std::count(bytes.begin(), bytes.end(), '\n'));
    header.payload_bytes = static_cast<uint32_t>(bytes.size());
    std::shared_ptr<uint8_t[]> buffer(new uint8_t[wire::kBlockHeaderBytes + bytes.size()]);
    std::copy(bytes.begin(), bytes.end(), buffer.get() + wire::kBlockHeaderBytes);
    node_->on_block(0, wire::finish_block(std::move(buffer), header));
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

  void to_writer(size_t, const edge::Frame&) override {}
  void to_reader(size_t, const edge::Frame&) override {}
  bool block_to_reader(size_t, const wire::Block&) override { return true; }
  void reconnect(size_t) override {}
  void persist(wal::LogBatch batch, bool) override { batches_.push_back(std::move(batch)); }
  void start_run(const RunOrder& order) override {
    ++runs;
    for (const auto& [name, value] : order.env) {
      if (name == "WEIR_UNIT") unit = value;
    }
  }
  void feed(const SharedBytes& bytes) override { fed += bytes.view(); }
  void close_stdin() override {}
  void close_stdout() override {}
  void kill_run() override {}
  void terminate_run() override {}
  uint64_t run_cpu_ticks() override { return 0; }
  void keep_output(const SharedBytes&) override {}
  void wake_at(SteadyTime) override {}
  void note(std::string) override {}
  void failed(std::string reason) override { ADD_FAILURE() << reason; }
  void superseded(const Incarnation&) override {}

  int runs = 0;
  std::string unit;
  std::string fed;

 private:
  wal::MemoryLog& log_;
  std::unique_ptr<Node> node_;
  std::vector<wal::LogBatch> batches_;
  SteadyTime now_{};
};

TEST(OwedUnit, IsNotRunInPartWhileTheRestIsOnItsWay) {
  wal::MemoryLog log;
  std::string unit;
  {
    Life killed(log, 1);
    killed.receive(1, "1\n2\n");
    killed.receive(3, "3\n4\n");
    killed.turns();
    ASSERT_EQ(killed.runs, 1);
    ASSERT_EQ(killed.fed, "1\n2\n3\n4\n");
    unit = killed.unit;
  }
  Life next(log, 2);
  next.receive(1, "1\n2\n");
  next.turns();
  EXPECT_EQ(next.runs, 0) << "with " << next.fed;
  next.receive(3, "3\n4\n");
  next.turns();
  EXPECT_EQ(next.runs, 1);
  EXPECT_EQ(next.fed, "1\n2\n3\n4\n");
  EXPECT_EQ(next.unit, unit);
}

}  // namespace
}  // namespace weir::core
