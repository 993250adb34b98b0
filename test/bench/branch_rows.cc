// `||`: one log, four readers.
#include <filesystem>

#include "test/bench/bench.h"
#include "test/bench/processes.h"
#include "test/bench/up.h"

namespace weir::bench {
namespace {

constexpr int kBranches = 4;

struct Branched {
  double cpu_s = 0;
  double written = 0;  // Bytes, by the source's wrapper, each of the input's once: 1.
};

Pipeline branched(const std::string& source, const std::string& sink, int branches) {
  std::string dataflow = "source ; (sink1";
  for (int i = 2; i <= branches; ++i) dataflow += " || sink" + std::to_string(i);
  Pipeline pipeline(dataflow + ")");
  pipeline.node("source", source, "rerun = true");
  for (int i = 1; i <= branches; ++i) {
    pipeline.node("sink" + std::to_string(i), sink, "unit = 'stream'");
  }
  return pipeline;
}

Branched run_branches(Bench& bench, const LineFile& file, int branches) {
  Up up(bench, branched("cat " + file.path, "wc -l", branches));
  const pid_t source = up.wrapper("source");
  uint64_t written = 0;
  const Usage usage =
      up.running().wait(kUpLimit, [&] { written = std::max(written, written_bytes(source)); });
  expect_count("lines through all branches", file.lines * static_cast<uint64_t>(branches),
               sum_of(up.out()));
  return {usage.cpu_s, static_cast<double>(written) / static_cast<double>(file.bytes)};
}

// What it costs to log the stream when nobody reads it: the cluster, the source and its program.
double source_alone(Bench& bench, const LineFile& file) {
  const std::string done = bench.fresh("done");
  Up up(bench, branched("cat " + file.path + "; touch " + done + "; exec sleep 3600",
                        "exec sleep 3600", 1));
  wait_until("the source has written", kUpLimit, [&] { return std::filesystem::exists(done); });
  // The program has ended, but it is counted by the shell that waited for it, which has not.
  const pid_t source = up.wrapper("source");
  double cpu_s = tree_cpu_seconds(up.pid());
  for (const Process& process : tree_of(source)) cpu_s += waited_cpu_seconds(process.pid);
  up.running().terminate();
  return cpu_s;
}

// A branch's cost is a difference of runs, of which each varies by as much as a branch costs: so it
// is that of medians, and its spread what one run more or less does to it.
double median_without(Samples samples, size_t left_out) {
  if (samples.size() > 1) samples.erase(samples.begin() + static_cast<ptrdiff_t>(left_out));
  return median(samples);
}

}  // namespace

void run_branch_rows(Bench& bench) {
  const LineFile file = bench.lines_of(100, bench.bytes(1'000'000'000, 100'000'000));
  const double gb = static_cast<double>(file.bytes) / 1e9;
  Samples none;
  Samples one;
  Samples four;
  Samples written;
  for (int run = 0; run < bench.runs(7, 1); ++run) {
    none.push_back(source_alone(bench, file) / gb);
    one.push_back(run_branches(bench, file, 1).cpu_s / gb);
    const Branched all = run_branches(bench, file, kBranches);
    four.push_back(all.cpu_s / gb);
    written.push_back(all.written);
  }
  Samples own;
  Samples extra;
  for (size_t left_out = 0; left_out < none.size(); ++left_out) {
    const double first = median_without(one, left_out);
    own.push_back(first - median_without(none, left_out));
    extra.push_back((median_without(four, left_out) - first) / (kBranches - 1));
  }
  bench.add({.row = "branches",
             .what = "cat FILE ; four times wc -l: bytes written by the source's wrapper / FILE's",
             .weir = written,
             .result = written,
             .target = at_most(1.1)});
  bench.add({.row = "branches",
             .what = "processor for each branch more / for the first one (edge and program)",
             .weir = extra,
             .baseline = own,
             .unit = "s/GB",
             .result = ratios(extra, own),
             .target = at_most(1)});
}

}  // namespace weir::bench
