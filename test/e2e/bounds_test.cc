// Memory and descriptors do not grow with the backlog (R7): a sink that takes nothing, behind a
// source that has no end.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <map>

#include "schema/base/unique_fd.h"
#include "test/e2e/support/scene.h"

namespace weir::e2e {
namespace {

namespace fs = std::filesystem;

// docs/guarantees.md. A sanitizer needs as much again, and does not give back at once.
constexpr size_t kIdleKbMax = (kSanitized ? 250 : 48) << 10;
constexpr size_t kResidentKbMax = (kSanitized ? 600 : 192)
                                  << 10;  // Credits, queues, RocksDB's own.
constexpr size_t kLargestRecordsMax = 3;  // Beside that.
constexpr size_t kDescriptorsMax = 200;
constexpr const char* kNodes[] = {"yes", "cat", "slow"};

size_t folder_bytes(const std::string& folder) {
  size_t bytes = 0;
  std::error_code failure;
  for (fs::recursive_directory_iterator it(folder, failure), end; it != end;
       it.increment(failure)) {
    std::error_code gone;
    const auto size = it->is_regular_file(gone) ? it->file_size(gone) : 0;
    if (!gone) bytes += size;
  }
  return bytes;
}

// A run of the sink begins when the test lets a byte into its fifo.
std::string slow_pipeline() {
  return "name = \"slow\"\ndataflow = \"yes ; cat ; slow\"\n"
         "[node.yes]\nrun = \"yes 'a line of some forty bytes, or nearly so'\"\nrerun = true\n"
         "[node.cat]\nrun = \"cat\"\nunit = \"batch\"\n"
         "[node.slow]\nrun = \"dd bs=1 count=1 of=/dev/null 2>&1 <gate; wc -c\"\n"
         "unit = \"batch\"\nmax_records = 2000\n";
}

void expect_bounded(const Scene& scene, const std::string& when) {
  for (const char* node : kNodes) {
    const auto pid = scene.wrapper(node);
    ASSERT_TRUE(pid) << node << " " << when;
    EXPECT_LT(peak_kb(*pid), kResidentKbMax) << node << " " << when;
    EXPECT_LT(descriptors(*pid), kDescriptorsMax) << node << " " << when;
  }
}

// Until the logs have stopped growing: the pressure has reached the source.
bool wait_until_still(const Scene& scene, const pid_t source) {
  size_t looks = 0;
  std::string last;
  return wait_until([&] {
    const std::string now = std::to_string(folder_bytes(scene.path("data"))) + " " +
                            read_file("/proc/" + std::to_string(source) + "/io");
    looks = now == last ? looks + 1 : 0;
    last = now;
    return looks >= 100;  // Half a second.
  });
}

TEST(Bounds, R7ASlowSinkHoldsUpTheSource) {
  Scene scene;
  ASSERT_EQ(scene.run(scene.shell("mkfifo gate")).code, 0);
  const UniqueFd gate(::open(scene.path("gate").c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  scene.write("slow.toml", slow_pipeline());
  Command up = scene.start(
      scene.up({"--data", scene.path("data"), "--log-limit", "64MiB", scene.path("slow.toml")}));
  ASSERT_TRUE(wait_until([&] { return scene.program("slow") && scene.program("yes"); }))
      << up.err_so_far();
  ASSERT_TRUE(wait_until_still(scene, *scene.program("yes"))) << up.err_so_far();
  expect_bounded(scene, "when all stands still");
  // Three logs, with what RocksDB and the segment files need besides.
  EXPECT_LT(folder_bytes(scene.path("data")), size_t{3} * (64 << 20) * 2);
  ASSERT_TRUE(up.running()) << up.err_so_far();

  for (size_t i = 0; i < 50; ++i) {
    ASSERT_TRUE(wait_until([&] { return ::write(gate.get(), "g", 1) == 1; }));
  }
  expect_bounded(scene, "after some steps");
  up.signal(SIGINT);
  EXPECT_EQ(up.wait().code, 130);
  EXPECT_EQ(scene.leftovers(true), "");
}

// Bytes that wait in logs are not in memory, and come out as they went in.
void back_log(size_t mib, Limit limit) {
  Scene scene;
  const size_t bytes = mib << 20;
  const std::string line = "a line of some forty bytes, or nearly so";
  scene.write("p.toml",
              "name = \"p\"\ndataflow = \"source ; sink\"\n"
              "[node.source]\nrun = \"yes '" +
                  line + "' | head -c " + std::to_string(bytes) +
                  "; touch written\"\nrerun = true\n"
                  "[node.sink]\nrun = \"until [ -e go ]; do sleep 0.05; done; cksum\"\n"
                  "unit = \"stream\"\n");
  Command up = scene.start(scene.up({"--data", scene.path("data"), "--log-limit",
                                     std::to_string(mib * 2) + "MiB", scene.path("p.toml")}));
  ASSERT_TRUE(wait_until([&] { return fs::exists(scene.path("written")); }, limit))
      << up.err_so_far();
  EXPECT_GE(folder_bytes(scene.path("data")), bytes - (64u << 20));
  for (const char* node : {"source", "sink"}) {
    const auto pid = scene.wrapper(node);
    ASSERT_TRUE(pid) << node;
    std::printf("%s: %zu MiB at most, %zu MiB wait\n", node, peak_kb(*pid) >> 10, mib);
    EXPECT_LT(peak_kb(*pid), kResidentKbMax) << node;
  }
  scene.write("go", "");
  // When the sink has had them all, before all goes.
  const Outcome done = up.wait(limit);
  EXPECT_EQ(done.code, 0) << done.err;
  const Outcome expected = scene.run(
      scene.shell("yes '" + line + "' | head -c " + std::to_string(bytes) + " | cksum"), limit);
  EXPECT_EQ(done.out, expected.out);
}

TEST(Bounds, R7MemoryDoesNotGrowWithTheBacklog) { back_log(512, Limit(120'000)); }
TEST(BoundsLong, R7MemoryDoesNotGrowWithTheBacklog) { back_log(10 << 10, Limit(1'500'000)); }

// What one run of a batch writes waits in the log too.
TEST(Bounds, R7MemoryDoesNotGrowWithWhatOneRunWrites) {
  Scene scene;
  scene.write("p.toml",
              "name = \"p\"\ndataflow = \"source ; inner ; sink\"\n"
              "[node.source]\nrun = \"echo go\"\nrerun = true\n"
              "[node.inner]\nrun = \"yes | head -c 512M\"\nunit = \"batch\"\n"
              "[node.sink]\nrun = \"wc -c; until [ -e go ]; do sleep 0.05; done\"\n"
              "unit = \"stream\"\n");
  Command up = scene.start(scene.up({"--log-limit", "4GiB", scene.path("p.toml")}));
  ASSERT_TRUE(wait_until([&] { return up.out_so_far() == "536870912\n"; })) << up.err_so_far();
  const auto inner = scene.wrapper("inner");
  ASSERT_TRUE(inner);
  EXPECT_LT(peak_kb(*inner), kResidentKbMax);
  scene.write("go", "");
  EXPECT_EQ(up.wait().code, 0);
}

TEST(Bounds, R7AnIdleWrapperIsSmall) {
  Scene scene;
  scene.write("p.toml",
              "name = \"p\"\ndataflow = \"yes ; cat ; slow\"\n"
              "[node.yes]\nrun = \"echo go; until [ -e go ]; do sleep 0.05; done\"\n"
              "[node.cat]\nrun = \"cat\"\nunit = \"batch\"\n"
              "[node.slow]\nrun = \"cat\"\nunit = \"stream\"\n");
  Command up = scene.start(scene.up({scene.path("p.toml")}));
  ASSERT_TRUE(wait_until([&] { return up.out_so_far() == "go\n"; })) << up.err_so_far();
  for (const char* node : kNodes) {
    const auto pid = scene.wrapper(node);
    ASSERT_TRUE(pid) << node;
    EXPECT_LT(peak_kb(*pid), kIdleKbMax) << node;
  }
  scene.write("go", "");
  EXPECT_EQ(up.wait().code, 0);
}

// Large records, several of them under way everywhere, through each way of speaking to a program.
void large_records(size_t mib, size_t count, Limit limit) {
  const size_t bytes = mib << 20;
  const std::string records = "for i in $(seq " + std::to_string(count) + "); do head -c " +
                              std::to_string(bytes - 1) +
                              " /dev/zero | tr '\\0' $((i%10)); echo; done";
  Scene scene;
  scene.write("source.sh", records);
  scene.write("p.toml",
              "name = \"p\"\ndataflow = \"source ; batch ; lines ; frames ; stream ; sink\"\n"
              "[node.source]\nrun = \"sh source.sh\"\nrerun = true\n"
              "[node.batch]\nrun = \"cat\"\nunit = \"batch\"\n"
              "[node.lines]\nrun = \"cat\"\nprotocol = \"lines\"\n"
              "[node.frames]\nrun = \"cat\"\nprotocol = \"frames\"\n"
              "[node.stream]\nrun = \"cat\"\nunit = \"stream\"\n"
              "[node.sink]\nrun = \"until [ -e go ]; do sleep 0.05; done; cksum\"\n"
              "unit = \"stream\"\n");
  Command up = scene.start(scene.up({"--log-limit", "4GiB", scene.path("p.toml")}));
  std::map<std::string, size_t> peaks;
  const auto look = [&] {
    for (const char* node : {"source", "batch", "lines", "frames", "stream", "sink"}) {
      const auto pid = scene.wrapper(node);
      if (pid) peaks[node] = std::max(peaks[node], peak_kb(*pid));
    }
    return !up.running();
  };
  // All that fits is on its way, and then it flows.
  ASSERT_TRUE(wait_until([&] { return scene.program("sink").has_value(); })) << up.err_so_far();
  const auto still_since = std::chrono::steady_clock::now();
  wait_until(
      [&] { return look() || std::chrono::steady_clock::now() - still_since > Limit(3000); });
  scene.write("go", "");
  ASSERT_TRUE(wait_until(look, limit)) << up.err_so_far();
  const Outcome done = up.wait(limit);
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out, scene.run(scene.shell("sh source.sh | cksum"), limit).out);
  ASSERT_EQ(peaks.size(), 6u);
  for (const auto& [node, kb] : peaks) {
    std::printf("%s: %zu MiB at most, with records of %zu MiB\n", node.c_str(), kb >> 10, mib);
    EXPECT_LT(kb, kResidentKbMax + kLargestRecordsMax * (mib << 10)) << node;
  }
}

TEST(Bounds, R7MemoryWithLargeRecords) { large_records(16, 8, Limit(240'000)); }
TEST(BoundsLong, R7MemoryWithLargeRecords) { large_records(100, 12, Limit(600'000)); }

TEST(Bounds, AnEndlessSourceEndsWhenNobodyWantsMore) {
  Scene scene;
  const Outcome outcome = scene.run(scene.up({"-e", "'yes' ; 'cat' ; 'head -n 100000' ; 'wc -l'"}));
  EXPECT_TRUE(outcome.in_time);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "100000\n");
  EXPECT_EQ(scene.leftovers(), "");
}

TEST(Bounds, AClosedStdoutEndsAnEndlessRun) {
  Scene scene;
  CommandOptions options =
      scene.shell(std::string(WEIRCTL) + " up -e \"'yes' ; 'cat'\" | head -n 3");
  const Outcome outcome = scene.run(options);
  EXPECT_TRUE(outcome.in_time);
  EXPECT_EQ(outcome.out, "y\ny\ny\n");
  EXPECT_EQ(scene.leftovers(), "");
}

}  // namespace
}  // namespace weir::e2e
