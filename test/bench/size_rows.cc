// Records of other sizes: long lines, and large frames.
#include <algorithm>

#include "test/bench/bench.h"
#include "test/bench/chain.h"

namespace weir::bench {
namespace {

struct Size {
  std::string row;
  std::string what;
  uint64_t record_bytes;
};

const std::vector<Size> kLines = {{"lines-1k", "lines of 1 KiB", 1024},
                                  {"lines-64k", "lines of 64 KiB", 64u << 10}};
const std::vector<Size> kFrames = {{"frames-1m", "frames of 1 MiB", 1u << 20},
                                   {"frames-64m", "frames of 64 MiB", 64u << 20}};

struct Rates {
  Samples weir;
  Samples pipe;
};

double rate(uint64_t bytes, const Usage& usage) {
  return static_cast<double>(bytes) / 1e6 / usage.wall_s;
}

Rates measure_lines(Bench& bench, uint64_t record_bytes, uint64_t bytes) {
  const LineFile file = bench.lines_of(record_bytes, bytes);
  Rates rates;
  for (int run = 0; run < bench.runs(5, 1); ++run) {
    const Printed pipe =
        run_shell("cat " + file.path + " | cat | wc -l", bench.fresh("pipe"), kUpLimit);
    expect_count("lines through the pipe", file.lines, sum_of(pipe.out));
    rates.pipe.push_back(rate(file.bytes, pipe.usage));
    Up up(bench, "'cat " + file.path + "' ; 'cat' ; 'wc -l'");
    const Usage usage = up.running().wait(kUpLimit);
    expect_count("lines through weir", file.lines, sum_of(up.out()));
    rates.weir.push_back(rate(file.bytes, usage));
  }
  return rates;
}

Rates measure_frames(Bench& bench, uint64_t record_bytes, uint64_t bytes) {
  const Chain chain{"frames", std::max<uint64_t>(bytes / record_bytes, 2), record_bytes};
  const uint64_t moved = chain.count * record_bytes;
  Rates rates;
  for (int run = 0; run < bench.runs(5, 1); ++run) {
    rates.pipe.push_back(rate(moved, through_pipes(bench, chain)));
    rates.weir.push_back(rate(moved, through_weir(bench, chain)));
  }
  return rates;
}

void add(Bench& bench, const Size& size, const std::string& how, const Rates& rates) {
  bench.add({.row = size.row,
             .what = size.what + how + ": throughput / pipe's",
             .weir = rates.weir,
             .baseline = rates.pipe,
             .unit = "MB/s",
             .result = ratios(rates.weir, rates.pipe),
             .target = at_least(0.30)});
}

}  // namespace

void run_size_rows(Bench& bench) {
  const uint64_t bytes = bench.bytes(1'000'000'000, 100'000'000);
  for (const Size& size : kLines) {
    if (!bench.wants(size.row)) continue;
    add(bench, size, ", cat ; cat ; wc -l", measure_lines(bench, size.record_bytes, bytes));
  }
  for (const Size& size : kFrames) {
    if (!bench.wants(size.row)) continue;
    add(bench, size, ", source ; echo ; sink", measure_frames(bench, size.record_bytes, bytes));
  }
}

}  // namespace weir::bench
