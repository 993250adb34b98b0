// Memory and descriptors do not grow with the backlog (R7): a sink that takes nothing, behind a
// source that has no end.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdio>
#include <filesystem>

#include "schema/base/unique_fd.h"
#include "test/e2e/harness.h"

namespace weir::e2e {
namespace {

namespace fs = std::filesystem;

constexpr size_t kResidentKbMax = 250 << 10;  // Credits, queues, and RocksDB's own.
constexpr size_t kDescriptorsMax = 200;
constexpr const char* kNodes[] = {"yes", "cat", "slow"};

size_t peak_kb(pid_t pid) {
  const std::string status = read_file("/proc/" + std::to_string(pid) + "/status");
  const size_t at = status.find("VmHWM:");
  return at == std::string::npos ? 0 : std::stoul(status.substr(at + 6));
}

size_t descriptors(pid_t pid) {
  std::error_code ignored;
  const fs::directory_iterator all("/proc/" + std::to_string(pid) + "/fd", ignored);
  return static_cast<size_t>(std::distance(all, fs::directory_iterator()));
}

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
void back_log(size_t gib, Limit limit) {
  Scene scene;
  const size_t bytes = gib << 30;
  const std::string line = "a line of some forty bytes, or nearly so";
  scene.write("p.toml",
              "name = \"p\"\ndataflow = \"source ; sink\"\n"
              "[node.source]\nrun = \"yes '" +
                  line + "' | head -c " + std::to_string(bytes) +
                  "; touch written\"\nrerun = true\n"
                  "[node.sink]\nrun = \"until [ -e go ]; do sleep 0.05; done; cksum\"\n"
                  "unit = \"stream\"\n");
  Command up = scene.start(scene.up({"--data", scene.path("data"), "--log-limit",
                                     std::to_string(gib * 2) + "GiB", scene.path("p.toml")}));
  ASSERT_TRUE(wait_until([&] { return fs::exists(scene.path("written")); }, limit))
      << up.err_so_far();
  EXPECT_GE(folder_bytes(scene.path("data")), bytes - (64u << 20));
  for (const char* node : {"source", "sink"}) {
    const auto pid = scene.wrapper(node);
    ASSERT_TRUE(pid) << node;
    std::printf("%s: %zu MiB at most, %zu GiB wait\n", node, peak_kb(*pid) >> 10, gib);
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

TEST(Bounds, R7MemoryDoesNotGrowWithTheBacklog) { back_log(2, Limit(120'000)); }
TEST(BoundsLong, R7MemoryDoesNotGrowWithTheBacklog) { back_log(10, Limit(1'500'000)); }

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
