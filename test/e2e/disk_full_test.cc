// The disk of the logs is full, or gone (R7): nodes stop accepting, say so, and go on by themselves
// when it is there and has room, without losing or repeating anything. The disk is a small tmpfs.
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <sstream>

#include "schema/runtime/process_tree.h"
#include "test/e2e/support/cluster.h"
#include "test/e2e/support/small_disk.h"

namespace weir::e2e {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr size_t kDiskMiB = 256;
constexpr Limit kFullDiskLimit{kSlowdown * 240'000};

// A line "weir: NODE: ..." with that in it.
bool says(const std::string& err, const std::string& node, const std::string& what) {
  std::istringstream lines(err);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("weir: " + node + ": ") && line.find(what) != std::string::npos)
      return true;
  }
  return false;
}

TEST(DiskFull, R7ALogThatFillsTheDiskDrains) {
  // More than fits, with the inner node's copy of it.
  const std::string numbers = "seq -f %0199.0f 1 1200000";
  Scene scene;
  scene.write("p.toml",
              "name = \"p\"\ndataflow = \"source ; inner ; sink\"\n"
              "[node.source]\nrun = \"" +
                  numbers +
                  "\"\nrerun = true\n[node.inner]\nrun = \"cat\"\nunit = \"batch\"\n"
                  "[node.sink]\nrun = \"[ -e go ] || exit 75; cat\"\nunit = \"batch\"\n"
                  "backoff = \"20ms\"\n");
  const CommandOptions command = scene.up({"--data", "d", "--output", scene.path("out"), "p.toml"});
  const std::string logs = scene.path("d/agents/agent-1/wal");
  {
    // A run that has hardly begun, so that its folders are there.
    Command up = scene.start(command);
    ASSERT_TRUE(wait_until([&] { return fs::exists(logs + "/p/source.0/log/db/CURRENT"); }));
    up.signal(SIGINT);
    ASSERT_EQ(up.wait().code, 130);
    ASSERT_TRUE(wait_until([&] { return scene.processes().empty(); }));
  }
  // Nothing was put out: all of it can be made again.
  const std::string identity = scene.read("d/agents/agent-1/wal/identity");
  fs::remove_all(logs);
  fs::remove_all(scene.path("d/agents/agent-1/orders"));
  const SmallDisk disk(logs, kDiskMiB);
  if (!disk.mounted()) GTEST_SKIP() << disk.why_not();
  scene.write("d/agents/agent-1/wal/identity", identity);

  // The logs of source and inner node take their shares, and no more: the source waits.
  Command up = scene.start(command);
  const auto used = [&] {
    const fs::space_info room = fs::space(logs);
    return room.capacity - room.available;
  };
  ASSERT_TRUE(wait_until([&] { return used() > (80u << 20); })) << up.err_so_far();
  // Then somebody else fills it, and a wrapper is started meanwhile.
  disk.fill();
  for (const char* node : {"source", "inner"}) {
    // It waits, or it cannot even be started.
    ASSERT_TRUE(wait_until([&] { return says(up.err_so_far(), node, "the disk of its log is "); }))
        << up.err_so_far();
  }
  ASSERT_TRUE(up.running());
  // It may be between two starts: what it wants to write has no room.
  std::optional<pid_t> inner;
  ASSERT_TRUE(wait_until([&] { return (inner = scene.wrapper("inner")).has_value(); }));
  (void)::kill(*inner, SIGKILL);
  disk.empty();
  scene.write("go", "");
  const Outcome done = up.wait(kFullDiskLimit);
  EXPECT_EQ(done.code, 0) << done.err;
  const Outcome same = scene.run(scene.shell(numbers + " | cmp - out/sink"));
  EXPECT_EQ(same.code, 0) << same.out << same.err;
}

// A source that goes on where it was, until it is told to end.
std::string steady_pipeline(const std::string& folder) {
  return "name = \"p\"\ndataflow = \"source ; inner ; sink\"\n[node.source]\n"
         "run = '''i=${WEIR_POSITION:-0}; until [ -e " +
         folder +
         "/end ]; do i=$((i+1)); printf '%0200d\\n' $i; [ $((i%20)) != 0 ] || sleep 0.01; done; "
         "echo $i > " +
         folder +
         "/written'''\n"
         "[node.inner]\nrun = \"cat\"\nunit = \"batch\"\n"
         // Exactly once: the same records have the same name.
         "[node.sink]\nrun = \"cat >tmp.$WEIR_UNIT && mv tmp.$WEIR_UNIT " +
         folder + "/out/$WEIR_UNIT\"\nunit = \"batch\"\n";
}

TEST(DiskFull, R7OfSomebodyElsesFilesLosesNothing) {
  Cluster cluster(user_cluster({"alpha"}));
  Scene& scene = cluster.scene();
  scene.make_folder("out");
  const SmallDisk disk(cluster.layout("alpha").data_dir + "/wal", kDiskMiB);
  if (!disk.mounted()) GTEST_SKIP() << disk.why_not();
  cluster.kill("alpha");
  cluster.start_agent("alpha");
  cluster.wait_for_agents(1);
  const auto arrived = [&] {
    return std::distance(fs::directory_iterator(scene.path("out")), fs::directory_iterator());
  };
  cluster.put(steady_pipeline(scene.folder()));
  cluster.out({"pipeline", "run", "p", "--wait=running"});
  ASSERT_TRUE(wait_until([&] { return arrived() > 3; }));

  disk.fill();
  // Whether it was noticed in time, or a write failed: all say what it is, and how it goes on.
  std::string said;
  const auto all_say_so = [&] {
    const json status = cluster.json({"pipeline", "status", "p"});
    said = status.dump(2);
    return std::all_of(status["nodes"].begin(), status["nodes"].end(), [](const json& node) {
      const std::string error = node["instances"][0]["last_error"];
      return error.find("the disk of its log is ") != std::string::npos;
    });
  };
  ASSERT_TRUE(wait_until(all_say_so)) << said;
  const std::string events = cluster.json({"events", "p"}).dump(2);
  EXPECT_NE(events.find("the disk of its log is "), std::string::npos) << events;
  const auto before = arrived();
  disk.empty();
  ASSERT_TRUE(wait_until([&] { return arrived() > before + 3; })) << said;
  scene.write("end", "");
  ASSERT_TRUE(cluster.wait_for_state("p", "completed"));
  const Outcome same = scene.run(
      scene.shell("cat out/* | sort > got; seq -f %0200.0f 1 $(cat written) | cmp - got"));
  EXPECT_EQ(same.code, 0) << same.out << same.err;
}

// An empty folder looks like a first start: the source would begin anew, and what only its log had
// would be lost.
TEST(DiskGone, R5R7StopsASourceUntilItIsBack) {
  Cluster cluster(user_cluster({"alpha"}));
  Scene& scene = cluster.scene();
  Cluster& processes = cluster;
  scene.make_folder("out");
  const SmallDisk disk(processes.layout("alpha").wal_dir(), kDiskMiB);
  if (!disk.mounted()) GTEST_SKIP() << disk.why_not();
  processes.kill("alpha");
  processes.start_agent("alpha");
  cluster.wait_for_agents(1);
  const auto arrived = [&] {
    return std::distance(fs::directory_iterator(scene.path("out")), fs::directory_iterator());
  };
  cluster.put(steady_pipeline(scene.folder()));
  cluster.out({"pipeline", "run", "p", "--wait=running"});
  ASSERT_TRUE(wait_until([&] { return arrived() > 3; }));

  disk.take_away();
  ASSERT_TRUE(processes.kill_wrapper("source"));
  std::string said;
  ASSERT_TRUE(wait_until([&] {
    said = cluster.out({"pipeline", "status", "p", "-o", "json"});
    return said.find("is their disk mounted?") != std::string::npos;
  })) << said;
  // Nor does an agent that is started only now, as after a boot.
  processes.kill("alpha");
  processes.start_agent("alpha");
  ASSERT_TRUE(wait_until([&] {
    const auto agent = runtime::process_stat(processes.pid("alpha"));
    return agent && agent->state == 'Z';
  }));
  EXPECT_EQ(processes.wait_for_exit("alpha"), 1);

  disk.give_back();
  processes.start_agent("alpha");
  cluster.wait_for_agents(1);
  const auto before = arrived();
  ASSERT_TRUE(wait_until([&] { return arrived() > before + 3; }));
  scene.write("end", "");
  ASSERT_TRUE(cluster.wait_for_state("p", "completed"));
  const Outcome same = scene.run(
      scene.shell("cat out/* | sort > got; seq -f %0200.0f 1 $(cat written) | cmp - got"));
  EXPECT_EQ(same.code, 0) << same.out << same.err;
}

}  // namespace
}  // namespace weir::e2e
