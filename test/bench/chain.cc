#include "test/bench/chain.h"

namespace weir::bench {
namespace {

struct Programs {
  std::string source;
  std::string inner;
  std::string sink;
};

Programs programs_of(Bench& bench, const Chain& chain, const std::string& report) {
  const std::string program = bench.program("weir-bench-program");
  return {program + " numbers " + chain.framing + " --count " + std::to_string(chain.count) +
              " --bytes " + std::to_string(chain.record_bytes),
          program + " echo " + chain.framing, program + " swallow " + chain.framing + " " + report};
}

}  // namespace

Usage through_weir(Bench& bench, const Chain& chain) {
  const std::string report = bench.fresh("count");
  const Programs programs = programs_of(bench, chain, report);
  const std::string protocol = "protocol = '" + chain.framing + "'";
  Pipeline pipeline("source ; inner ; sink");
  pipeline.node("source", programs.source, protocol + "\nrerun = true");
  pipeline.node("inner", programs.inner, protocol);
  pipeline.node("sink", programs.sink, protocol);
  Up up(bench, pipeline);
  const Usage usage = up.running().wait(kUpLimit);
  expect_count("records through weir", chain.count, sum_of(read_file(report)));
  return usage;
}

Usage through_pipes(Bench& bench, const Chain& chain) {
  const std::string report = bench.fresh("count");
  const Programs programs = programs_of(bench, chain, report);
  const std::string line = programs.source + " | " + programs.inner + " | " + programs.sink;
  const Usage usage = run_shell(line, bench.fresh("pipe"), kUpLimit).usage;
  expect_count("records through pipes", chain.count, sum_of(read_file(report)));
  return usage;
}

}  // namespace weir::bench
