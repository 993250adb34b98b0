// What a cluster costs while nothing flows, and how much memory wrappers have.
#include <algorithm>
#include <filesystem>

#include "test/bench/bench.h"
#include "test/bench/chain.h"
#include "test/bench/processes.h"
#include "test/bench/up.h"

namespace weir::bench {
namespace {

constexpr double kMiB = 1024.0 * 1024.0;
constexpr auto kSettleMs = std::chrono::milliseconds(1500);

Pipeline idle_pipeline() {
  Pipeline pipeline("source ; inner ; sink");
  pipeline.node("source", "exec sleep 3600");
  pipeline.node("inner", "exec cat", "unit = 'stream'");
  pipeline.node("sink", "exec cat", "unit = 'stream'");
  return pipeline;
}

void let_pass(std::chrono::milliseconds time) {
  const auto start = Clock::now();
  wait_until("time", std::chrono::seconds(3600), [&] { return Clock::now() - start >= time; });
}

// Until all three run and what comes with a start is over.
void settle(Up& up) {
  for (const char* node : {"source", "inner", "sink"}) up.wrapper(node);
  wait_until("the programs", std::chrono::seconds(60),
             [&] { return std::ranges::count(tree_of(up.pid()), "cat", &Process::name) == 2; });
  let_pass(kSettleMs);
}

struct Spent {
  double cluster = 0;  // Broker, agent, wrappers, guards.
  double weirctl = 0;
};

Spent spent_by(pid_t root) {
  Spent spent;
  for (const Process& process : tree_of(root)) {
    if (process.name == "weirctl") spent.weirctl += cpu_seconds(process.pid);
    if (process.name.starts_with("weir-")) spent.cluster += cpu_seconds(process.pid);
  }
  return spent;
}

uint64_t largest_wrapper(pid_t root, uint64_t (*bytes_of)(pid_t)) {
  uint64_t largest = 0;
  for (const Process& process : tree_of(root)) {
    if (!process.node.empty()) largest = std::max(largest, bytes_of(process.pid));
  }
  return largest;
}

double idle_mib(Bench& bench) {
  Up up(bench, idle_pipeline());
  settle(up);
  const double mib = static_cast<double>(largest_wrapper(up.pid(), resident_bytes)) / kMiB;
  up.running().terminate();
  return mib;
}

// The highest that any wrapper ever had, in a run that goes as fast as it can.
double loaded_mib(Up& up) {
  uint64_t peak = 0;
  up.running().wait(kUpLimit,
                    [&] { peak = std::max(peak, largest_wrapper(up.pid(), peak_resident_bytes)); });
  return static_cast<double>(peak) / kMiB;
}

double lines_mib(Bench& bench) {
  const LineFile file = bench.lines_of(100, bench.bytes(1'000'000'000, 100'000'000));
  Up up(bench, "'cat " + file.path + "' ; 'cat' ; 'wc -l'");
  return loaded_mib(up);
}

double frames_mib(Bench& bench, uint64_t frame_bytes) {
  const std::string program = bench.program("weir-bench-program");
  Pipeline pipeline("source ; inner ; sink");
  pipeline.node("source",
                program + " numbers frames --count 4 --bytes " + std::to_string(frame_bytes));
  pipeline.node("inner", program + " echo frames");
  pipeline.node("sink", program + " swallow frames " + bench.fresh("count"));
  pipeline.every_node("protocol = 'frames'");
  Up up(bench, pipeline);
  return loaded_mib(up);
}

// By how much a source's wrapper grows while what its reader does not take becomes four times as
// much.
double growth_mib(Bench& bench, uint64_t bytes) {
  const LineFile file = bench.lines_of(100, bytes / 4);
  const std::string some = bench.fresh("some");
  const std::string all = bench.fresh("all");
  const std::string cat = "cat " + file.path;
  Pipeline pipeline("source ; sink");
  pipeline.node("source", cat + "; touch " + some + "; " + cat + "; " + cat + "; " + cat +
                              "; touch " + all + "; exec sleep 3600");
  pipeline.node("sink", "exec sleep 3600", "unit = 'stream'");
  Up up(bench, pipeline);
  const pid_t source = up.wrapper("source");
  uint64_t resident[2] = {};
  for (const bool first : {true, false}) {
    const std::string& mark = first ? some : all;
    wait_until("the source has written", kUpLimit, [&] { return std::filesystem::exists(mark); });
    resident[first ? 0 : 1] = resident_bytes(source);
  }
  up.running().terminate();
  return (static_cast<double>(resident[1]) - static_cast<double>(resident[0])) / kMiB;
}

void add_memory(Bench& bench, const std::string& what, const Samples& mib, Target target) {
  bench.add({.row = "memory",
             .what = what,
             .weir = mib,
             .unit = "MiB",
             .result = mib,
             .result_unit = "MiB",
             .target = target});
}

}  // namespace

void run_idle_rows(Bench& bench) {
  const double window = bench.quick() ? 2 : 10;
  Samples cluster;
  Samples weirctl;
  Up up(bench, idle_pipeline());
  settle(up);
  for (int run = 0; run < bench.runs(5, 1); ++run) {
    const Spent before = spent_by(up.pid());
    const auto start = Clock::now();
    let_pass(std::chrono::milliseconds(static_cast<int>(window * 1000)));
    const Spent after = spent_by(up.pid());
    const double seconds = seconds_since(start);
    cluster.push_back((after.cluster - before.cluster) / seconds * 100);
    weirctl.push_back((after.weirctl - before.weirctl) / seconds * 100);
  }
  up.running().terminate();
  bench.add({.row = "idle",
             .what = "three wrappers and guards, agent, broker: of one core",
             .weir = cluster,
             .unit = "%",
             .result = cluster,
             .result_unit = "%",
             .target = at_most(1)});
  bench.add({.row = "idle",
             .what = "weirctl up beside them: of one core",
             .weir = weirctl,
             .unit = "%",
             .result = weirctl,
             .result_unit = "%"});
}

void run_memory_rows(Bench& bench) {
  const uint64_t frame_bytes = (bench.quick() ? 16u : 64u) << 20;
  const double frame_mib = static_cast<double>(frame_bytes) / kMiB;
  const uint64_t backlog = bench.bytes(2'000'000'000, 100'000'000);
  Samples idle;
  Samples lines;
  Samples frames;
  Samples growth;
  for (int run = 0; run < bench.runs(3, 1); ++run) {
    idle.push_back(idle_mib(bench));
    lines.push_back(lines_mib(bench));
    frames.push_back(frames_mib(bench, frame_bytes));
    growth.push_back(growth_mib(bench, backlog));
  }
  add_memory(bench, "a wrapper, idle: resident", idle, at_most(48));
  add_memory(bench, "a wrapper, lines of 100 bytes at full speed: peak", lines, at_most(192));
  add_memory(bench, "a wrapper, frames of " + short_number(frame_mib) + " MiB: peak", frames,
             at_most(192 + 3 * frame_mib));
  add_memory(bench,
             "growth while a backlog grows from " +
                 short_number(static_cast<double>(backlog) / 4e6) + " to " +
                 short_number(static_cast<double>(backlog) / 1e6) + " MB",
             growth, at_most(16));
}

}  // namespace weir::bench
