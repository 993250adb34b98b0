// A node between writers that keep all they wrote and a reader that is content with nothing, with a
// simulated program behind it. Time passes by 20 ms a turn.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "schema/edge/writer.h"
#include "wrapper/core/node.h"
#include "wrapper/core/state.h"
#include "wrapper/wal/memory_log.h"

namespace weir::core {

class Bench : public Effects {
 public:
  static constexpr uint64_t kUnixMs = 1'700'000'000'000;

  // A whole unit of the program: what it is fed up to the end of its input, and how it ends.
  using Program = std::function<RunEnd(const std::string& input, std::string& output)>;
  // A program that answers, called for each line. Nothing: it goes on.
  struct Answers {
    std::function<std::optional<RunEnd>(const std::string& line, std::string& output)> each;
  };

  // `order` says how the program is run, and may name several lanes; one by default. The log
  // outlives a bench: another one goes on with it, as after a crash.
  Bench(wire::StartOrder order, Program program,
        std::shared_ptr<wal::MemoryLog> log = std::make_shared<wal::MemoryLog>());
  Bench(wire::StartOrder order, Answers answers,
        std::shared_ptr<wal::MemoryLog> log = std::make_shared<wal::MemoryLog>());

  // More records of a lane, a block each; and its end.
  void give(const std::vector<std::string>& records, size_t lane = 0);
  // One record in pieces of at most 1 MiB.
  void give_in_pieces(const std::string& record, size_t lane = 0);
  void end(size_t lane = 0);
  // Nothing of this lane comes for now.
  void hold(size_t lane, bool held) { writers_[lane].held = held; }
  // The writer crashed: records after the first `left` are gone, and others will come.
  void lose_tail(size_t left, size_t lane = 0);

  // One turn of everything.
  void settle();
  // The reader meets the node, and settles all that it has written so far, or up to this record.
  void settle_reader(std::optional<uint64_t> upto = {});
  // All of it, and its end.
  bool is_lane_settled(size_t lane) const { return writers_[lane].edge.settled() == kAllRecords; }
  // Turns until `done`, or until it has ended or failed, but not for ever.
  void settle_until(const std::function<bool()>& done);
  void settle_to_the_end() {
    settle_until([] { return false; });
  }
  // All of it: records, the end of the lane, and what comes of them.
  void run(const std::vector<std::string>& records);

  // Everything that is published.
  std::string output() const;
  std::vector<DeadLetter> dead() const;
  std::vector<std::string> dead_bytes() const;
  Node& node() { return *node_; }
  void pass(std::chrono::milliseconds time) { now_ += time; }
  // By the clock of a loop, which turns four times a second.
  void idle(std::chrono::milliseconds time);
  SteadyTime now() const { return now_; }
  bool stdin_closed() const { return closed_; }

  void to_writer(size_t input, const edge::Frame& frame) override;
  void to_reader(size_t, const edge::Frame& frame) override {
    if (const auto* hello = std::get_if<edge::Hello>(&frame)) hello_ = *hello;
  }
  bool block_to_reader(size_t, const wire::Block&) override { return true; }
  void reconnect(size_t) override {}
  void persist(wal::LogBatch batch, bool) override { batches_.push_back(std::move(batch)); }
  void start_run(const RunOrder& order) override;
  void feed(const SharedBytes& bytes) override;
  void close_stdin() override { closed_ = true; }
  void close_stdout() override {}
  void kill_run() override {
    ++kills;
    running = false;
  }
  void terminate_run() override { ++terminated; }
  bool run_waits() override { return waits; }
  size_t run_unread_bytes() override { return unread; }
  uint64_t run_cpu_ticks() override { return cpu; }
  void keep_output(const SharedBytes& bytes) override { kept += bytes.view(); }
  uint64_t unix_ms() override { return kUnixMs; }
  void wake_at(SteadyTime) override {}
  void note(std::string text) override { notes.push_back(std::move(text)); }
  void failed(std::string reason) override { failure = std::move(reason); }
  void superseded(const Incarnation&) override {}

  int runs = 0;
  int kills = 0;
  int terminated = 0;
  uint64_t cpu = 0;
  size_t unread = 0;   // Of what was fed.
  bool waits = false;  // Something is left of the run before.
  bool running = false;
  std::string fed;  // In this run, as far as a Program or Answers has not read it.
  std::string failure;
  std::string kept;  // Of a sink that nobody reads.
  std::vector<std::string> units;
  std::string attempt;  // Of the last run.
  std::vector<std::string> notes;

 private:
  struct Writer {
    edge::History history;
    edge::EdgeWriter edge;
    std::vector<std::optional<std::string>> records;  // Nothing: the end.
    std::set<uint64_t> continued;                     // Those whose record goes on.
    bool greet = true;
    bool held = false;
    std::optional<edge::Welcome> welcome;
  };

  void begin(wire::StartOrder order);
  void write(Writer& writer, size_t lane);
  wire::Block block_at(const Writer& writer, const RecordId& id) const;
  void say(std::string out);
  void run_program();

  Program program_;
  Answers answers_;
  std::shared_ptr<wal::MemoryLog> log_;
  std::vector<Writer> writers_;
  std::unique_ptr<Node> node_;
  std::vector<wal::LogBatch> batches_;
  edge::Hello hello_;  // To the reader.
  SteadyTime now_{std::chrono::hours(1)};
  bool closed_ = false;
};

// ---- orders and programs

wire::StartOrder batch_order(uint32_t retries = 1);
wire::StartOrder lines_order(uint32_t retries = 1);

// "1\n", "2\n" and so on.
std::vector<std::string> lines(size_t count);
std::string joined(const std::vector<std::string>& records, const std::string& but = "");
RunEnd status(int code);

}  // namespace weir::core
