#include "bench.h"

#include <algorithm>

#include "wrapper/wal/keys.h"

namespace weir::core {

Bench::Bench(wire::StartOrder order, Program program, std::shared_ptr<wal::MemoryLog> log)
    : program_(std::move(program)), log_(std::move(log)) {
  begin(std::move(order));
}

Bench::Bench(wire::StartOrder order, Answers answers, std::shared_ptr<wal::MemoryLog> log)
    : answers_(std::move(answers)), log_(std::move(log)) {
  begin(std::move(order));
}

void Bench::begin(wire::StartOrder order) {
  order.pipeline = "test";
  order.term = 1;
  order.node.name = "node";
  order.node.run = "simulated";
  if (order.writers.empty()) order.writers = {"source.0"};
  if (!order.sink) order.readers = {{"next.0", ""}};
  const auto state = load(*log_);
  uint64_t boot = 1;
  for (const auto& entry : state->history) boot = std::max(boot, entry.of.boot + 1);
  node_ = std::make_unique<Node>(NodeConfig{order, {1, boot, 7}, 4u << 20}, *log_, *state, *this);
  node_->start(now_);
  for (const std::string& lane : order.writers) {
    writers_.push_back({{}, edge::EdgeWriter({"test", lane, "node.0"}), {}, {}, true, false, {}});
    writers_.back().history.open({9, 1, 5});
  }
}

void Bench::give(const std::vector<std::string>& records, size_t lane) {
  Writer& writer = writers_[lane];
  writer.records.insert(writer.records.end(), records.begin(), records.end());
  writer.history.advance(writer.records.size());
}

void Bench::give_in_pieces(const std::string& record, size_t lane) {
  Writer& writer = writers_[lane];
  for (size_t at = 0; at < record.size(); at += wire::kBlockPayloadBytesMax) {
    writer.records.emplace_back(record.substr(at, wire::kBlockPayloadBytesMax));
    const bool last = at + wire::kBlockPayloadBytesMax >= record.size();
    if (!last) writer.continued.insert(writer.records.size());
  }
  writer.history.advance(writer.records.size());
}

void Bench::end(size_t lane) {
  writers_[lane].records.emplace_back();
  writers_[lane].history.advance(writers_[lane].records.size());
}

void Bench::lose_tail(size_t left, size_t lane) {
  Writer& writer = writers_[lane];
  writer.records.resize(left);
  const Incarnation of = writer.history.newest().of;
  std::vector<edge::HistoryEntry> entries = writer.history.entries();
  entries.back().last = left;
  writer.history = edge::History(std::move(entries));
  writer.history.open({of.term, of.boot + 1, of.nonce + 1});
  writer.edge.disconnected();
  writer.greet = true;
}

void Bench::settle() {
  now_ += std::chrono::milliseconds(20);
  while (!batches_.empty()) {
    (void)log_->write(batches_.front(), true);
    batches_.erase(batches_.begin());
    node_->on_persisted();
  }
  for (size_t lane = 0; lane < writers_.size(); ++lane) write(writers_[lane], lane);
  node_->turn(now_);
  run_program();
  node_->turn(now_);
}

void Bench::settle_reader(std::optional<uint64_t> upto) {
  node_->reader_connected(0);
  node_->on_reader_frame(
      0, edge::Welcome{hello_.session, 1, hello_.writer(), {}, {}, 64u << 20, false, false});
  const Incarnation& of = node_->lane().incarnation();
  const Position all{of, upto.value_or(node_->lane().published_last())};
  node_->on_reader_frame(0, edge::Ack{hello_.session, all, all, false, false, false});
}

void Bench::settle_until(const std::function<bool()>& done) {
  for (int i = 0; i < 50'000; ++i) {
    if (done() || node_->ended() || !failure.empty()) return;
    settle();
  }
  ADD_FAILURE() << "no end: " << node_->runner_state();
}

void Bench::idle(std::chrono::milliseconds time) {
  for (const SteadyTime end = now_ + time; now_ < end;) {
    pass(std::chrono::milliseconds(230));
    settle();
  }
}

void Bench::run(const std::vector<std::string>& records) {
  give(records);
  end();
  settle_to_the_end();
}

// ---- the writers

void Bench::to_writer(size_t input, const edge::Frame& frame) {
  Writer& writer = writers_[input];
  if (const auto* welcome = std::get_if<edge::Welcome>(&frame)) {
    writer.welcome = *welcome;
  } else if (const auto* reset = std::get_if<edge::Reset>(&frame)) {
    writer.greet = writer.edge.on_reset(*reset) || writer.greet;
  } else if (const auto* ack = std::get_if<edge::Ack>(&frame)) {
    writer.edge.on_ack(*ack, writer.history, now_);
  }
}

void Bench::write(Writer& writer, size_t lane) {
  if (writer.held) return;
  const RecordId first{9, 1, 1};
  if (std::exchange(writer.greet, false)) {
    writer.welcome.reset();
    EXPECT_FALSE(node_->on_hello(lane, writer.edge.hello(writer.history, first, now_), {}));
    return;
  }
  if (writer.welcome) {
    const auto greeted = writer.edge.on_welcome(*writer.welcome, writer.history, first, now_);
    writer.welcome.reset();
    if (greeted.begin) node_->on_writer_frame(lane, *greeted.begin);
  }
  while (writer.edge.may_send() && writer.edge.cursor() < writer.history.next()) {
    const wire::Block block = block_at(writer, writer.edge.cursor());
    writer.edge.sent(block, writer.history.after(block.header.last_id()));
    node_->on_block(lane, block);
  }
}

wire::Block Bench::block_at(const Writer& writer, const RecordId& id) const {
  wire::BlockHeader header;
  for (const edge::HistoryEntry& entry : writer.history.entries()) {
    if (entry.of.term == id.term && entry.of.boot == id.boot) header.of = entry.of;
  }
  const std::optional<std::string>& record = writer.records[id.seq - 1];
  if (!record) return wire::make_mark(header.of, id.seq, wire::kEndMark);
  header.first = id.seq;
  header.pieces = 1;
  header.continued = writer.continued.contains(id.seq);
  header.payload_bytes = static_cast<uint32_t>(record->size());
  std::shared_ptr<uint8_t[]> buffer(new uint8_t[wire::kBlockHeaderBytes + record->size()]);
  std::copy(record->begin(), record->end(), buffer.get() + wire::kBlockHeaderBytes);
  return wire::finish_block(std::move(buffer), header);
}

// ---- the program

void Bench::start_run(const RunOrder& order) {
  ++runs;
  running = true;
  closed_ = false;
  fed.clear();
  for (const auto& [name, value] : order.env) {
    if (name == "WEIR_UNIT") units.push_back(value);
    if (name == "WEIR_ATTEMPT") attempt = value;
  }
}

void Bench::feed(const SharedBytes& bytes) {
  if (running) fed += bytes.view();
}

void Bench::say(std::string out) {
  while (!out.empty()) {
    const std::span<uint8_t> space = node_->output_space();
    if (space.empty()) return;
    const size_t count = std::min(space.size(), out.size());
    std::copy_n(out.begin(), count, space.begin());
    node_->on_output(count);
    out.erase(0, count);
  }
}

void Bench::run_program() {
  if (!running) return;
  std::optional<RunEnd> over;
  std::string out;
  if (answers_.each) {
    std::string all;
    while (!over && fed.find('\n') != std::string::npos) {
      const std::string line = fed.substr(0, fed.find('\n') + 1);
      fed.erase(0, line.size());
      all += line;
      over = answers_.each(line, out);
    }
    if (!all.empty()) node_->on_fed(all.size());
    if (!over && closed_) over = RunEnd{};
  } else if (program_ && closed_) {
    node_->on_fed(fed.size());
    over = program_(std::exchange(fed, {}), out);
  }
  say(std::move(out));
  if (!over) return;
  running = false;
  node_->on_run_end(*over);
}

// ---- what came of it

std::string Bench::output() const {
  std::string all;
  (void)log_->scan(wal::key(wal::kBlock), wal::key_end(wal::kBlock),
                   [&](std::string_view, std::string_view value) {
                     all += wire::decode_block(SharedBytes::copy_of(value))->payload().view();
                     return true;
                   });
  return all;
}

std::vector<DeadLetter> Bench::dead() const {
  std::vector<DeadLetter> letters;
  (void)log_->scan(wal::key(wal::kDead), wal::key_end(wal::kDead),
                   [&](std::string_view, std::string_view value) {
                     letters.push_back(*decode_dead_letter(value));
                     return true;
                   });
  return letters;
}

std::vector<std::string> Bench::dead_bytes() const {
  std::vector<std::string> all;
  for (const DeadLetter& letter : dead()) all.push_back(letter.bytes);
  return all;
}

wire::StartOrder batch_order(uint32_t retries) {
  wire::StartOrder order;
  order.node.unit = graph::Unit::kBatch;
  order.node.retries = retries;
  order.node.backoff_first = std::chrono::milliseconds(1);
  return order;
}

wire::StartOrder lines_order(uint32_t retries) {
  wire::StartOrder order;
  order.node.protocol = graph::Protocol::kLines;
  order.node.retries = retries;
  order.node.stall_timeout = std::chrono::seconds(60);
  return order;
}

std::vector<std::string> lines(size_t count) {
  std::vector<std::string> all;
  for (size_t i = 1; i <= count; ++i) all.push_back(std::to_string(i) + "\n");
  return all;
}

std::string joined(const std::vector<std::string>& records, const std::string& but) {
  std::string all;
  for (const std::string& record : records) all += record == but ? "" : record;
  return all;
}

RunEnd status(int code) {
  RunEnd end;
  end.code = code;
  return end;
}

}  // namespace weir::core
