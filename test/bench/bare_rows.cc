// What weir is built from, alone: the disk, ZeroMQ, RocksDB; and what an empty stream costs.
#include <fcntl.h>
#include <rocksdb/db.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <thread>
#include <zmq.hpp>

#include "schema/base/files.h"
#include "schema/base/unique_fd.h"
#include "test/bench/bench.h"
#include "test/bench/up.h"

namespace weir::bench {
namespace {

constexpr size_t kDiskPiece = 1u << 20;
constexpr size_t kBlock = 64u << 10;
constexpr size_t kRecord = 100;

enum class Sync { kNever, kEachPiece };

double disk_rate(Bench& bench, uint64_t bytes, Sync sync) {
  const std::string path = bench.fresh("disk");
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  const std::string piece(kDiskPiece, 'x');
  const auto start = Clock::now();
  for (uint64_t at = 0; at < bytes; at += piece.size()) {
    if (auto written = write_all(file.get(), piece, path); !written) {
      throw Failed(written.error().what);
    }
    if (sync == Sync::kEachPiece && ::fdatasync(file.get()) != 0) throw Failed("fdatasync " + path);
  }
  const double rate = static_cast<double>(bytes) / 1e6 / seconds_since(start);
  std::filesystem::remove(path);
  return rate;
}

// One hop over ipc, both ends on threads of ours; bytes a second.
double zmq_rate(Bench& bench, size_t message_bytes, uint64_t bytes) {
  zmq::context_t context;
  const std::string endpoint = "ipc://" + bench.fresh("zmq");
  zmq::socket_t in(context, zmq::socket_type::pull);
  in.bind(endpoint);
  const uint64_t count = bytes / message_bytes;
  const auto start = Clock::now();
  std::thread writer([&] {
    zmq::socket_t out(context, zmq::socket_type::push);
    out.connect(endpoint);
    const std::string message(message_bytes, 'x');
    for (uint64_t i = 0; i < count; ++i) out.send(zmq::buffer(message));
  });
  std::string buffer(message_bytes, '\0');
  for (uint64_t i = 0; i < count; ++i) (void)in.recv(zmq::buffer(buffer));
  const double seconds = seconds_since(start);
  writer.join();
  return static_cast<double>(count * message_bytes) / seconds;
}

// Puts of blocks, none of them synced.
double rocksdb_rate(Bench& bench, uint64_t bytes) {
  const std::string folder = bench.fresh("rocksdb");
  rocksdb::Options options;
  options.create_if_missing = true;
  rocksdb::DB* opened = nullptr;
  if (!rocksdb::DB::Open(options, folder, &opened).ok()) throw Failed("cannot open " + folder);
  const std::unique_ptr<rocksdb::DB> database(opened);
  const std::string value(kBlock, 'x');
  const auto start = Clock::now();
  for (uint64_t at = 0; at < bytes; at += value.size()) {
    char key[32];
    const int length =
        std::snprintf(key, sizeof key, "%020llu", static_cast<unsigned long long>(at));
    const rocksdb::Slice name(key, static_cast<size_t>(length));
    if (!database->Put({}, name, value).ok()) throw Failed("rocksdb: put");
  }
  const double rate = static_cast<double>(bytes) / 1e6 / seconds_since(start);
  return rate;
}

Samples repeat(int runs, const std::function<double()>& measure) {
  Samples samples;
  for (int run = 0; run < runs; ++run) samples.push_back(measure());
  return samples;
}

void add(Bench& bench, const std::string& what, const Samples& samples, const std::string& unit) {
  bench.add({.row = "bare",
             .what = what,
             .weir = {},
             .baseline = samples,
             .unit = unit,
             .result = samples,
             .result_unit = unit});
}

}  // namespace

void run_bare_rows(Bench& bench) {
  const uint64_t bytes = bench.bytes(1'000'000'000, 100'000'000);
  const int runs = bench.runs(5, 2);
  add(bench, "disk: 1 MiB writes",
      repeat(runs, [&] { return disk_rate(bench, bytes, Sync::kNever); }), "MB/s");
  add(bench, "disk: 1 MiB writes, fdatasync after each",
      repeat(runs, [&] { return disk_rate(bench, bytes, Sync::kEachPiece); }), "MB/s");
  add(bench, "ZeroMQ: one hop, ipc, messages of 64 KiB",
      repeat(runs, [&] { return zmq_rate(bench, kBlock, bytes) / 1e6; }), "MB/s");
  add(bench, "ZeroMQ: one hop, ipc, messages of 100 bytes",
      repeat(runs, [&] { return zmq_rate(bench, kRecord, bytes / 4) / kRecord; }), "/s");
  add(bench, "RocksDB: puts of 64 KiB, not synced",
      repeat(runs, [&] { return rocksdb_rate(bench, bytes); }), "MB/s");
  add(bench, "weirctl up of three nodes with an empty stream: start to exit",
      repeat(runs,
             [&] {
               Up up(bench, "'true' ; 'cat' ; 'wc -l'");
               return up.running().wait(kUpLimit).wall_s;
             }),
      "s");
}

}  // namespace weir::bench
