// One process for each record, beside a loop that starts the same process and waits.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "schema/base/files.h"
#include "schema/base/unique_fd.h"
#include "test/bench/bench.h"
#include "test/bench/up.h"

namespace weir::bench {
namespace {

const std::string kAction = "read -r line; echo \"$line\"";

struct Pipe {
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw Failed("cannot make a pipe");
    read.reset(ends[0]);
    write.reset(ends[1]);
  }
  UniqueFd read;
  UniqueFd write;
};

std::string answer_of_process(const std::string& record) {
  Pipe in;
  Pipe out;
  runtime::SpawnOptions options;
  options.program = "/bin/sh";
  options.argv = {"sh", "-c", kAction};
  options.fds = {{in.read.get(), 0}, {out.write.get(), 1}, {2, 2}};
  auto child = runtime::spawn(options);
  if (!child) throw Failed(child.error().what);
  in.read.reset();
  out.write.reset();
  if (auto written = write_all(in.write.get(), record, "a record"); !written) {
    throw Failed(written.error().what);
  }
  in.write.reset();
  std::string answer;
  char buffer[4096];
  for (ssize_t count = 0; (count = ::read(out.read.get(), buffer, sizeof buffer)) > 0;) {
    answer.append(buffer, static_cast<size_t>(count));
  }
  ::waitpid(child->pid, nullptr, 0);
  return answer;
}

double loop_rate(uint64_t count) {
  const auto start = Clock::now();
  for (uint64_t i = 1; i <= count; ++i) {
    const std::string record = std::to_string(i) + "\n";
    if (answer_of_process(record) != record) throw Failed("a process gave another answer");
  }
  return static_cast<double>(count) / seconds_since(start);
}

double weir_rate(Bench& bench, uint64_t count) {
  Pipeline pipeline("source ; action ; sink");
  pipeline.node("source", "seq " + std::to_string(count), "rerun = true");
  pipeline.node("action", kAction, "unit = 'record'");
  pipeline.node("sink", "wc -l", "unit = 'stream'");
  Up up(bench, pipeline);
  const Usage usage = up.running().wait(kUpLimit);
  expect_count("records", count, sum_of(up.out()));
  return static_cast<double>(count) / usage.wall_s;
}

}  // namespace

void run_record_rows(Bench& bench) {
  const uint64_t count = bench.quick() ? 500 : 5000;
  Samples weir;
  Samples loop;
  for (int run = 0; run < bench.runs(5, 1); ++run) {
    loop.push_back(loop_rate(count));
    weir.push_back(weir_rate(bench, count));
  }
  bench.add({.row = "record",
             .what = "unit = 'record', sh -c: rate / that of a spawning loop",
             .weir = weir,
             .baseline = loop,
             .unit = "/s",
             .result = ratios(weir, loop),
             .target = at_least(0.6)});
}

}  // namespace weir::bench
