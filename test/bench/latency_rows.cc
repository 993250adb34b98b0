// How long one record is under way through three nodes, beside a bare echo over the same hops.
#include <fcntl.h>
#include <unistd.h>

#include <sstream>
#include <thread>

#include "schema/base/unique_fd.h"
#include "test/bench/bench.h"
#include "test/bench/up.h"

namespace weir::bench {
namespace {

constexpr double kWarmUp = 0.2;  // Seconds, not counted: programs start, connections are made.
constexpr size_t kSyncedBytes = 128;

struct Latency {
  double p50_ms = 0;
  double p99_ms = 0;
};

struct Latencies {
  Samples p50;
  Samples p99;
};

void note(Latencies& all, const Latency& one) {
  all.p50.push_back(one.p50_ms);
  all.p99.push_back(one.p99_ms);
}

Latency read_report(const std::string& report, double rate) {
  std::istringstream text(read_file(report));
  Samples ms;
  for (double us = 0; text >> us;) ms.push_back(us / 1e3);
  const auto skip = static_cast<size_t>(kWarmUp * rate);
  if (ms.size() <= 2 * skip) throw Failed("only " + std::to_string(ms.size()) + " records came");
  ms.erase(ms.begin(), ms.begin() + static_cast<std::ptrdiff_t>(skip));
  return {percentile(ms, 0.5), percentile(ms, 0.99)};
}

struct Programs {
  std::string source;
  std::string inner;
  std::string sink;
};

Programs programs_of(Bench& bench, double rate, const std::string& report) {
  const std::string program = bench.program("weir-bench-program");
  const std::string seconds = bench.quick() ? "1" : "4";
  return {program + " stamp frames --rate " + std::to_string(rate) + " --seconds " + seconds,
          program + " echo frames", program + " arrive frames " + report};
}

// Each node has an agent of its own, all on this machine.
Latency through_weir(Bench& bench, double rate, const std::string& source_durability) {
  const std::string report = bench.fresh("latency");
  const Programs programs = programs_of(bench, rate, report);
  Pipeline pipeline("source ; inner ; sink");
  pipeline.node("source", programs.source,
                "hosts = ['a']\ndurability = '" + source_durability + "'");
  pipeline.node("inner", programs.inner, "hosts = ['b']\ndurability = 'process'");
  pipeline.node("sink", programs.sink, "hosts = ['c']\ndurability = 'process'");
  pipeline.every_node("protocol = 'frames'");
  Up(bench, pipeline).running().wait(kUpLimit);
  return read_report(report, rate);
}

// With `log`, the first hop syncs each record to a file of its own before it sends it.
Latency through_relays(Bench& bench, double rate, bool log = false) {
  const std::string report = bench.fresh("latency");
  const Programs programs = programs_of(bench, rate, report);
  const std::string relay = bench.program("weir-bench-program") + " relay ";
  const std::string first = "ipc://" + bench.fresh("hop");
  const std::string second = "ipc://" + bench.fresh("hop");
  const std::string log_option = log ? "--log " + bench.fresh("log") + " " : "";
  const std::string line = relay + log_option + "--connect " + first + " " + programs.source +
                           " & " + relay + "--listen " + first + " --connect " + second + " " +
                           programs.inner + " & " + relay + "--listen " + second + " " +
                           programs.sink + "; wait";
  run_shell(line, bench.fresh("relays"), kUpLimit);
  return read_report(report, rate);
}

// The median time of a small append with fdatasync, on the disk with the logs, at the pace of the
// records: disks are slower when they are asked without a pause.
double fdatasync_ms(Bench& bench, double rate) {
  const std::string path = bench.fresh("synced");
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  const std::string bytes(kSyncedBytes, 'x');
  const auto interval =
      std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1 / rate));
  Samples ms;
  auto due = Clock::now();
  for (int i = 0; i < (bench.quick() ? 50 : 300); ++i, due += interval) {
    std::this_thread::sleep_until(due);
    const auto start = Clock::now();
    if (::write(file.get(), bytes.data(), bytes.size()) < 0 || ::fdatasync(file.get()) != 0) {
      throw Failed("cannot write " + path);
    }
    ms.push_back(seconds_since(start) * 1e3);
  }
  return median(ms);
}

void run_latency_row(Bench& bench, double rate) {
  Latencies weir;
  Latencies bare;
  for (int run = 0; run < bench.runs(5, 1); ++run) {
    note(bare, through_relays(bench, rate));
    note(weir, through_weir(bench, rate, "process"));
  }
  const std::string at = "three nodes, frames, " + short_number(rate) + "/s: ";
  bench.add({.row = "latency",
             .what = at + "p50",
             .weir = weir.p50,
             .baseline = bare.p50,
             .unit = "ms",
             .result = weir.p50,
             .result_unit = "ms",
             .target = at_most(0.5)});
  bench.add({.row = "latency",
             .what = at + "p99",
             .weir = weir.p99,
             .baseline = bare.p99,
             .unit = "ms",
             .result = weir.p99,
             .result_unit = "ms",
             .target = at_most(3)});
  bench.add({.row = "latency",
             .what = at + "p50 / bare echo's",
             .weir = weir.p50,
             .baseline = bare.p50,
             .unit = "ms",
             .result = ratios(weir.p50, bare.p50),
             .target = at_most(3)});
}

void run_synced_row(Bench& bench) {
  Samples weir;
  Samples disk;
  Samples above;
  Samples bare;
  for (int run = 0; run < bench.runs(5, 1); ++run) {
    disk.push_back(fdatasync_ms(bench, 100));
    bare.push_back(through_relays(bench, 100, true).p50_ms);
    weir.push_back(through_weir(bench, 100, "disk").p50_ms);
    above.push_back(weir.back() - disk.back());
  }
  bench.add({.row = "latency-disk",
             .what = "the same at 100/s, source synced: p50 above fdatasync's",
             .weir = weir,
             .baseline = disk,
             .unit = "ms",
             .result = above,
             .result_unit = "ms",
             .target = at_most(0.5)});
  bench.add({.row = "latency-disk",
             .what = "the same / a bare echo's that syncs before its first hop",
             .weir = weir,
             .baseline = bare,
             .unit = "ms",
             .result = ratios(weir, bare)});
}

}  // namespace

void run_latency_rows(Bench& bench) {
  if (bench.wants("latency")) {
    run_latency_row(bench, 100);
    run_latency_row(bench, 1000);
  }
  if (bench.wants("latency-disk")) run_synced_row(bench);
}

}  // namespace weir::bench
