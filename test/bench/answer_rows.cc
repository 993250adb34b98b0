// Programs that answer each record with one: how many a second go through three nodes.
#include "test/bench/bench.h"
#include "test/bench/chain.h"

namespace weir::bench {
namespace {

constexpr uint64_t kRecordBytes = 100;

void run_answer_row(Bench& bench, const std::string& framing) {
  const uint64_t count = bench.bytes(300'000'000, 50'000'000) / kRecordBytes;
  const Chain chain{framing, count, kRecordBytes};
  Samples weir;
  Samples pipes;
  Samples cpu;
  for (int run = 0; run < bench.runs(5, 2); ++run) {
    pipes.push_back(static_cast<double>(count) / through_pipes(bench, chain).wall_s);
    const Usage usage = through_weir(bench, chain);
    weir.push_back(static_cast<double>(count) / usage.wall_s);
    cpu.push_back(usage.cpu_s * 1e6 / static_cast<double>(count));
  }
  bench.add({.row = framing,
             .what = "100 bytes, source ; echo ; sink",
             .weir = weir,
             .baseline = pipes,
             .unit = "/s",
             .result = weir,
             .result_unit = "/s",
             .target = at_least(500'000)});
  bench.add({.row = framing,
             .what = "the same: processor for each record",
             .weir = cpu,
             .unit = "us",
             .result = cpu,
             .result_unit = "us"});
}

}  // namespace

void run_answer_rows(Bench& bench) {
  for (const char* framing : {"frames", "lines"}) {
    if (bench.wants(framing)) run_answer_row(bench, framing);
  }
}

}  // namespace weir::bench
