// `cat FILE ; cat ; wc -l` over lines of 100 bytes, beside the kernel's own pipe.
#include "test/bench/bench.h"
#include "test/bench/up.h"

namespace weir::bench {
namespace {

constexpr uint64_t kLineBytes = 100;

struct Way {
  std::string row;
  std::string what;
  double target;
  std::string keys_of_inner;
  std::string keys_of_sink;
};

const std::vector<Way> kWays = {
    {"pipe", "cat FILE ; cat ; wc -l", 0.30, "unit = 'stream'", "unit = 'stream'"},
    {"pipe-disk", "the same, all nodes durability = 'disk'", 0.22,
     "unit = 'stream'\ndurability = 'disk'", "unit = 'stream'"},
    {"pipe-batch", "the same, inner node and sink unit = 'batch'", 0.27, "unit = 'batch'",
     "unit = 'batch'"},
};

struct Measured {
  Samples rate;  // MB/s
  Samples cpu;   // s/GB
};

void note(Measured& measured, const Usage& usage, uint64_t bytes) {
  measured.rate.push_back(static_cast<double>(bytes) / 1e6 / usage.wall_s);
  measured.cpu.push_back(usage.cpu_s * 1e9 / static_cast<double>(bytes));
}

// As `up -e` would have it, but for the units and the durability.
Pipeline pipeline_of(const Way& way, const LineFile& file) {
  Pipeline pipeline("source ; inner ; sink");
  pipeline.node("source", "cat " + file.path, "rerun = true");
  pipeline.node("inner", "cat", way.keys_of_inner);
  pipeline.node("sink", "wc -l", way.keys_of_sink);
  return pipeline;
}

}  // namespace

void run_pipe_rows(Bench& bench) {
  const LineFile file = bench.lines_of(kLineBytes, bench.bytes(1'000'000'000, 100'000'000));
  const std::string shell = "cat " + file.path + " | cat | wc -l";
  Measured pipe;
  std::map<std::string, Measured> weir;
  for (int run = 0; run < bench.runs(5, 3); ++run) {
    const Printed printed = run_shell(shell, bench.fresh("pipe"), kUpLimit);
    expect_count("lines through the pipe", file.lines, sum_of(printed.out));
    note(pipe, printed.usage, file.bytes);
    for (const Way& way : kWays) {
      if (!bench.wants(way.row)) continue;
      Up up(bench, pipeline_of(way, file));
      const Usage usage = up.running().wait(kUpLimit);
      expect_count("lines through weir", file.lines, sum_of(up.out()));
      note(weir[way.row], usage, file.bytes);
    }
  }
  for (const Way& way : kWays) {
    if (!bench.wants(way.row)) continue;
    const Measured& measured = weir[way.row];
    bench.add({.row = way.row,
               .what = way.what + ": throughput / pipe's",
               .weir = measured.rate,
               .baseline = pipe.rate,
               .unit = "MB/s",
               .result = ratios(measured.rate, pipe.rate),
               .target = at_least(way.target),
               .note = way.row == "pipe" ? "stretch 0.40" : ""});
    bench.add({.row = way.row,
               .what = way.what + ": processor",
               .weir = measured.cpu,
               .baseline = pipe.cpu,
               .unit = "s/GB",
               .result = measured.cpu,
               .result_unit = "s/GB",
               .target = way.row == "pipe" ? at_most(7) : Target{},
               .note = way.row == "pipe" ? "stretch 5.5" : ""});
  }
}

}  // namespace weir::bench
