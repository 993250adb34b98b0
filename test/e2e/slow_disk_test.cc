// Disks that are slow: whoever waits for one holds up what feeds it, and is not taken for lost.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>

#include "test/e2e/support/cluster.h"

namespace weir::e2e {
namespace {

using nlohmann::json;
using std::chrono::steady_clock;

// For longer than an agent may be silent.
constexpr auto kSlowFor = std::chrono::seconds(6);
// The most that a slow disk takes: what is on its way at each sync, and what goes at full speed
// while the first report is on its way. A disk that is not slow takes several times as much.
constexpr uint64_t kBytesMax = 512u << 20;

TEST(SlowDisk, R7R10MakesTheSourceWaitAndNoAgentIsCalledLost) {
  if (kSanitized) GTEST_SKIP() << "nothing can be loaded in front of a sanitizer";
  Scene scene;
  const std::string slow = scene.path("slow");
  // NOLINTBEGIN(concurrency-mt-unsafe)
  ::setenv("LD_PRELOAD", SLOW_SYNC, 1);
  ::setenv("WEIR_TEST_SLOW_SYNC", slow.c_str(), 1);
  Cluster cluster(user_cluster({"alpha", "beta"}));
  ::unsetenv("LD_PRELOAD");
  // NOLINTEND(concurrency-mt-unsafe)
  cluster.put(
      "name = \"p\"\ndataflow = \"source ; inner ; sink\"\n"
      "[node.source]\nrun = \"seq -f %0199.0f 1 1000000000\"\nrerun = true\nhosts = [\"alpha\"]\n"
      "[node.inner]\nrun = \"cat\"\nunit = \"batch\"\nhosts = [\"beta\"]\n"
      "[node.sink]\nrun = \"wc -l >" +
      scene.path("count") + "\"\nunit = \"stream\"\nhosts = [\"alpha\"]\n");
  cluster.out({"pipeline", "run", "p"});
  const auto instance = [](const json& status, size_t node) {
    return status["nodes"][node]["instances"][0];
  };
  ASSERT_TRUE(wait_until([&] {
    const json status = cluster.json({"pipeline", "status", "p"});
    return instance(status, 2)["records_in"] > 0;
  }));
  scene.write("slow", "");
  const json before = cluster.json({"pipeline", "status", "p"});
  json after;
  for (const auto begin = steady_clock::now(); steady_clock::now() - begin < kSlowFor;) {
    after = cluster.json({"pipeline", "status", "p"});
    EXPECT_EQ(after["state"], "running") << after.dump(2);
    for (size_t node = 0; node < 3; ++node) {
      EXPECT_EQ(instance(after, node)["state"], "running") << after.dump(2);
      EXPECT_EQ(instance(after, node)["term"], instance(before, node)["term"]) << after.dump(2);
    }
    for (const json& agent : cluster.json({"status"})["agents"]) {
      EXPECT_EQ(agent["connected"], true) << agent.dump(2);
    }
    if (HasFailure()) return;
  }
  const uint64_t bytes = instance(after, 0)["bytes_out"];
  EXPECT_GT(bytes, instance(before, 0)["bytes_out"].get<uint64_t>()) << "slow, but it goes on";
  EXPECT_LT(bytes - instance(before, 0)["bytes_out"].get<uint64_t>(), kBytesMax);
  ASSERT_EQ(::unlink(slow.c_str()), 0);
  cluster.out({"pipeline", "stop", "--end", "p"});
  ASSERT_TRUE(cluster.wait_for_state("p", "completed"));
  const json end = cluster.json({"pipeline", "status", "p"});
  EXPECT_EQ(std::stoull(scene.read("count")), instance(end, 0)["records_out"].get<uint64_t>());
}

// The broker answers others while the disk takes its time for what somebody uploads.
TEST(SlowDisk, HoldsUpOnlyWhoUploads) {
  if (kSanitized) GTEST_SKIP() << "nothing can be loaded in front of a sanitizer";
  Scene scene;
  const std::string slow = scene.write("slow", "");
  // NOLINTBEGIN(concurrency-mt-unsafe)
  ::setenv("LD_PRELOAD", SLOW_SYNC, 1);
  ::setenv("WEIR_TEST_SLOW_SYNC", slow.c_str(), 1);
  ::setenv("WEIR_TEST_SLOW_PROGRAM", "weir-broker", 1);
  ::setenv("WEIR_TEST_SLOW_PATH", "/actions/", 1);
  Cluster cluster(user_cluster({}));
  cluster.start({});
  for (const char* name :
       {"LD_PRELOAD", "WEIR_TEST_SLOW_SYNC", "WEIR_TEST_SLOW_PROGRAM", "WEIR_TEST_SLOW_PATH"}) {
    ::unsetenv(name);
  }
  // NOLINTEND(concurrency-mt-unsafe)
  scene.write("program", "#!/bin/sh\nexec cat\n", 0755);
  const auto begun = steady_clock::now();
  Command upload = cluster.begin({"action", "put", "program", scene.path("program")});
  steady_clock::duration longest{};
  while (upload.running()) {
    const auto asked = steady_clock::now();
    cluster.ask(wire::BrokerStatusRequest{});
    longest = std::max(longest, steady_clock::now() - asked);
  }
  const Outcome done = upload.wait();
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_GE(steady_clock::now() - begun, std::chrono::milliseconds(1500)) << "it was not slow";
  EXPECT_LT(longest, std::chrono::milliseconds(1000));
}

}  // namespace
}  // namespace weir::e2e
