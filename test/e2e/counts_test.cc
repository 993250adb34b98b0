// What a block costs a wrapper of the record path from end to end: system calls that read and
// write, bytes that they move, and how often its threads go to sleep.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <cstdio>

#include "schema/base/unique_fd.h"
#include "test/e2e/support/scene.h"

namespace weir::e2e {
namespace {

constexpr size_t kFileBytes = 64u << 20;
constexpr double kBlocks = static_cast<double>(kFileBytes) / (256u << 10);  // Of the usual size.

struct Costs {
  double reads = 0, writes = 0;              // System calls, all threads.
  double bytes_read = 0, bytes_written = 0;  // Through them; sockets are not among these.
};

double field(const std::string& text, const std::string& name) {
  const size_t at = text.find(name + ": ");
  return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 2));
}

// The costs of a process since its start (proc(5), /proc/PID/io).
Costs costs_of(pid_t pid) {
  const std::string io = read_file("/proc/" + std::to_string(pid) + "/io");
  return {field(io, "syscr"), field(io, "syscw"), field(io, "rchar"), field(io, "wchar")};
}

// What each may cost at most. Calls: a pipe that is full has room again when its reader has freed
// one page, so that a program that reads little at a time can make it 64 writes a block. Bytes:
// each is read once, and written once to the log and once to the next pipe; what a reader came late
// for is read back from the log.
struct Bound {
  const char* node;
  double calls_a_block;
  double bytes_read, bytes_written;
};
constexpr Bound kBounds[] = {
    {"source", 16, 2.1, 1.1}, {"inner", 90, 2.1, 2.2}, {"sink", 80, 1.1, 1.1}};

TEST(Counts, ABlockCostsAWrapperFewSystemCalls) {
  Scene scene;
  std::string line(100, 'x');
  line.back() = '\n';
  std::string lines;
  while (lines.size() < kFileBytes) lines += line;
  lines.resize(kFileBytes);
  scene.write("lines", lines);
  ASSERT_EQ(scene.run(scene.shell("mkfifo gate")).code, 0);
  const UniqueFd gate(::open(scene.path("gate").c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  // The sink stays until the test has looked.
  scene.write("counts.toml",
              "name = \"counts\"\ndataflow = \"source ; inner ; sink\"\n"
              "[node.source]\nrun = \"cat lines\"\nrerun = true\n"
              "[node.inner]\nrun = \"cat\"\nunit = \"stream\"\n"
              "[node.sink]\nrun = \"wc -c >got; head -c 1 <gate >/dev/null\"\nunit = \"stream\"\n");
  Command up = scene.start(scene.up({scene.path("counts.toml")}));
  const std::string all = std::to_string(kFileBytes) + "\n";
  ASSERT_TRUE(wait_until([&] { return scene.read("got") == all || !up.running(); }));
  for (const Bound& bound : kBounds) {
    SCOPED_TRACE(bound.node);
    const auto pid = scene.wrapper(bound.node);
    ASSERT_TRUE(pid) << up.err_so_far();
    const Costs costs = costs_of(*pid);
    std::printf(
        "%s: %.1f reads and %.1f writes a block; %.2f bytes read and %.2f written for each "
        "of a record\n",
        bound.node, costs.reads / kBlocks, costs.writes / kBlocks, costs.bytes_read / kFileBytes,
        costs.bytes_written / kFileBytes);
    EXPECT_GT(costs.writes, 0);
    EXPECT_LT((costs.reads + costs.writes) / kBlocks, bound.calls_a_block);
    EXPECT_LT(costs.bytes_read / kFileBytes, bound.bytes_read);
    EXPECT_LT(costs.bytes_written / kFileBytes, bound.bytes_written);
  }
  ASSERT_EQ(::write(gate.get(), "g", 1), 1);
  const Outcome outcome = up.wait();
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(scene.leftovers(), "");
}

}  // namespace
}  // namespace weir::e2e
