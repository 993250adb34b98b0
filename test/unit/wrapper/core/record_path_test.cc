// What a record costs on its way from a program's stdout to the log and the wire: allocations, and
// bytes that are copied. Counts, not times, so that they mean the same on every machine.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "test/unit/counting_new.h"
#include "wrapper/core/node.h"

namespace weir::core {
namespace {

constexpr size_t kPipeBytes = 64u << 10;  // What one read of a full pipe gives.

// A log that takes everything and keeps nothing: a reader that follows closely needs it for
// nothing.
class NoLog : public wal::Log {
 public:
  Status write(std::span<const wal::LogBatch>, bool) override { return {}; }
  Status scan(std::string_view, std::string_view, const Each&) const override { return {}; }
  Result<std::optional<std::string>> get(std::string_view) const override {
    return std::optional<std::string>();
  }
  Result<std::optional<std::pair<std::string, std::string>>> last(std::string_view,
                                                                  std::string_view) const override {
    ADD_FAILURE() << "a block that has just been written is read back from the log";
    return std::optional<std::pair<std::string, std::string>>();
  }
};

// A source, its log and one reader that takes and settles in each turn what it is sent, at most
// `taken_a_turn` bytes. Allocates nothing itself, so that what is counted is the node's.
class Path : public Effects {
 public:
  static constexpr uint64_t kCredit = 4u << 20;

  explicit Path(wire::StartOrder order, size_t taken_a_turn = SIZE_MAX)
      : taken_a_turn_(taken_a_turn) {
    const auto state = load(log_);
    node_ = std::make_unique<Node>(NodeConfig{std::move(order), {1, 1, 7}, 4u << 20}, log_, *state,
                                   *this);
    node_->start(now_);
    turn();
    node_->reader_connected(0);
    turn();
    node_->on_reader_frame(0, edge::Welcome{session_, 1, {1, 1, 7}, {}, {}, kCredit, false, false});
    turn();
  }

  // The program has written this much: read as far as the node wants it, in pieces as a pipe gives
  // them. Returns what is left.
  size_t read(const std::string& text, size_t bytes) {
    while (bytes > 0) {
      const std::span<uint8_t> space = node_->output_space();
      if (space.empty()) break;
      const size_t count = std::min({space.size(), bytes, kPipeBytes, text.size() - text_at_});
      std::memcpy(space.data(), text.data() + text_at_, count);
      text_at_ = (text_at_ + count) % text.size();
      note_read(space.data(), count);
      node_->on_output(count);
      bytes -= count;
    }
    return bytes;
  }

  // A turn; what it writes is in the log by the next one.
  void turn() {
    now_ += std::chrono::milliseconds(1);
    const size_t waiting = std::exchange(batches_, 0);
    for (size_t i = 0; i < waiting; ++i) {
      batch_[i] = {};
      node_->on_persisted();
    }
    node_->turn(now_);
    take();
  }

  void to_writer(size_t, const edge::Frame&) override {}
  void to_reader(size_t, const edge::Frame& frame) override {
    if (const auto* hello = std::get_if<edge::Hello>(&frame)) session_ = hello->session;
  }
  bool block_to_reader(size_t, const wire::Block& block) override {
    ++blocks;
    payload_bytes += block.header.payload_bytes;
    in_place_bytes += in_place(block.payload());
    unread_bytes_ += block.wire_bytes();
    sent_[sent_blocks_++ % sent_.size()] = {block.header.last_position(), block.wire_bytes()};
    return true;
  }
  void reconnect(size_t) override {}
  void persist(wal::LogBatch batch, bool) override {
    ++writes;
    ASSERT_LT(batches_, batch_.size());
    batch_[batches_++] = std::move(batch);
  }
  void start_run(const RunOrder&) override {}
  void feed(const SharedBytes&) override {}
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

  size_t blocks = 0;
  size_t writes = 0;
  size_t payload_bytes = 0;
  size_t in_place_bytes = 0;  // Of these, those that are sent from where they were read to.

 private:
  struct Read {
    const uint8_t* at = nullptr;
    size_t bytes = 0;
  };

  void note_read(const uint8_t* at, size_t bytes) {
    for (Read& read : reads_) {
      // The buffer is used again.
      if (read.at < at + bytes && at < read.at + read.bytes) read = {};
    }
    reads_[next_read_++ % reads_.size()] = {at, bytes};
  }

  size_t in_place(const SharedBytes& payload) const {
    size_t bytes = 0;
    for (const Read& read : reads_) {
      const uint8_t* const from = std::max(read.at, payload.data);
      const uint8_t* const to = std::min(read.at + read.bytes, payload.data + payload.size);
      if (from < to) bytes += static_cast<size_t>(to - from);
    }
    return bytes;
  }

  void take() {
    Position taken;
    for (size_t left = taken_a_turn_; unread_bytes_ > 0 && left > 0;) {
      const Sent& next = sent_[taken_blocks_++ % sent_.size()];
      unread_bytes_ -= next.bytes;
      left -= std::min(left, next.bytes);
      taken = next.last;
    }
    if (taken.none()) return;
    node_->on_reader_frame(0, edge::Ack{session_, taken, taken, false, false, false});
  }

  struct Sent {
    Position last;
    size_t bytes = 0;
  };

  NoLog log_;
  std::unique_ptr<Node> node_;
  SteadyTime now_{std::chrono::hours(1)};
  uint64_t session_ = 0;
  const size_t taken_a_turn_;
  std::array<Sent, 4096> sent_;
  size_t sent_blocks_ = 0;
  size_t taken_blocks_ = 0;
  size_t unread_bytes_ = 0;
  std::array<wal::LogBatch, 16> batch_;
  size_t batches_ = 0;
  std::array<Read, 32> reads_;
  size_t next_read_ = 0;
  size_t text_at_ = 0;
};

wire::StartOrder source() {
  wire::StartOrder order;
  order.pipeline = "test";
  order.term = 1;
  order.node.name = "source";
  order.node.run = "simulated";
  order.node.durability = graph::Durability::kDisk;
  order.readers = {{"next.0", ""}};
  return order;
}

std::string text_of_lines() {
  std::string text;
  for (int i = 0; text.size() < (1 << 20); ++i) text += std::string(90 + i % 20, 'x') + "\n";
  return text;
}

struct Costs {
  double allocations_per_block;
  size_t large_allocations;
  double copied_bytes_per_block;
  double writes_per_block;
};

// So many turns, each with so much to read, when everything has warmed up.
Costs costs_of(size_t bytes_a_turn, size_t turns) {
  const std::string text = text_of_lines();
  Path path(source());
  const auto turn = [&] {
    EXPECT_EQ(path.read(text, bytes_a_turn), 0u);
    path.turn();
  };
  for (size_t i = 0; i < 200; ++i) turn();
  const size_t blocks = path.blocks, bytes = path.payload_bytes, placed = path.in_place_bytes;
  const size_t writes = path.writes;
  const size_t before = allocations, large_before = large_allocations;
  for (size_t i = 0; i < turns; ++i) turn();
  const double sent = static_cast<double>(path.blocks - blocks);
  EXPECT_GE(path.blocks - blocks, turns / 2);
  Costs costs{};
  costs.allocations_per_block = static_cast<double>(allocations - before) / sent;
  costs.large_allocations = large_allocations - large_before;
  costs.copied_bytes_per_block =
      static_cast<double>(path.payload_bytes - bytes - (path.in_place_bytes - placed)) / sent;
  costs.writes_per_block = static_cast<double>(path.writes - writes) / sent;
  std::printf("%zu bytes a turn: %.1f allocations, %.1f bytes copied, %.2f writes a block\n",
              bytes_a_turn, costs.allocations_per_block, costs.copied_bytes_per_block,
              costs.writes_per_block);
  return costs;
}

TEST(RecordPath, ALargeBlockCostsFewAllocationsAndNoCopy) {
  const Costs costs = costs_of(256u << 10, 1000);
  EXPECT_LE(costs.allocations_per_block, 20);
  EXPECT_EQ(costs.large_allocations, 0u) << "buffers come from the pool, and go back to it";
  EXPECT_LE(costs.copied_bytes_per_block, 110) << "the part of a record at the end of a buffer";
  EXPECT_LE(costs.writes_per_block, 1.01);
}

TEST(RecordPath, ASmallBlockIsCopiedOnce) {
  const Costs costs = costs_of(4u << 10, 4000);
  EXPECT_LE(costs.allocations_per_block, 20);
  EXPECT_EQ(costs.large_allocations, 0u);
  EXPECT_LE(costs.copied_bytes_per_block, 4200) << "out of the large buffer, which stays";
  EXPECT_LE(costs.writes_per_block, 1.01);
}

// NoLog says if it does.
TEST(RecordPath, AReaderAboutAsFastAsItsWriterIsNotServedFromTheLog) {
  const std::string text = text_of_lines();
  Path path(source(), 1u << 20);
  size_t held_up = 0;
  for (size_t i = 0; i < 2000; ++i) {
    if (path.read(text, 2u << 20) > 0) ++held_up;
    path.turn();
  }
  EXPECT_GT(path.payload_bytes, 1500u << 20);
  EXPECT_GT(held_up, 500u) << "it reads twice as fast as its reader does";
}

}  // namespace
}  // namespace weir::core
