// What a user types against a cluster, with everything real.
#include <gtest/gtest.h>

#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "test/e2e/support/cluster.h"

namespace weir::e2e {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Numbers from alpha to a file on beta; the filter is a script of ours.
std::string pipeline(const std::string& folder) {
  return R"toml(
name = "evens"
dataflow = "numbers ; even ; keep"
action.even = { file = "bin/even.sh" }

[node.numbers]
run = "seq 1 1000"
rerun = true
hosts = ["alpha"]

[node.even]
action = "even"
unit = "batch"
hosts = ["beta"]

[node.keep]
run = "cat >> )toml" +
         folder + R"toml(/kept"
unit = "stream"
hosts = ["beta", "alpha"]
)toml";
}

constexpr char kEven[] = "#!/bin/sh\necho starting >&2\nexec awk '$1 % 2 == 0'\n";

std::string evens(int upto) {
  std::string all;
  for (int i = 2; i <= upto; i += 2) all += std::to_string(i) + "\n";
  return all;
}

// Numbers behind "#!": `bytes` of them at least.
std::string large_script(size_t bytes) {
  std::string text = "#!/bin/sh\n";
  for (int64_t i = 0; text.size() < bytes; ++i) text += "# " + std::to_string(i * 7919) + "\n";
  return text;
}

class Commands : public ::testing::Test {
 protected:
  void write_pipeline() {
    Scene& scene = cluster_.scene();
    scene.make_folder("project/bin");
    scene.write("project/bin/even.sh", kEven);
    scene.write("project/evens.toml", pipeline(scene.folder()));
  }

  Cluster cluster_{user_cluster({"alpha", "beta"})};
};

TEST_F(Commands, APipelineFileIsStoredAndRunToItsEnd) {
  write_pipeline();
  EXPECT_EQ(cluster_.run({"pipeline", "check", "--broker", "project/evens.toml"}).code, 0);
  const std::string put = cluster_.out({"pipeline", "put", "project/evens.toml"});
  EXPECT_NE(put.find("action 'even': version 1, "), std::string::npos) << put;
  EXPECT_NE(put.find("pipeline 'evens' is stored: 3 nodes, 2 edges\n"), std::string::npos) << put;
  EXPECT_EQ(cluster_.json({"pipeline", "status", "evens"})["state"], "stored");
  EXPECT_EQ(cluster_.out({"pipeline", "run", "evens", "--wait=completed"}),
            "pipeline 'evens' is completed\n");
  EXPECT_EQ(cluster_.scene().read("kept"), evens(1000));
  const json status = cluster_.json({"pipeline", "status", "evens"});
  EXPECT_EQ(status["state"], "completed");
  EXPECT_EQ(status["nodes"][1]["name"], "even");
  EXPECT_EQ(status["nodes"][1]["instances"][0]["agent"], "beta");
  EXPECT_EQ(status["nodes"][2]["instances"][0]["records_in"], 500);
  // The same again changes nothing; another graph is refused, and uploads nothing.
  cluster_.out({"pipeline", "put", "project/evens.toml"});
  cluster_.scene().write("project/bin/even.sh", std::string(kEven) + "# other\n");
  std::string other = pipeline(cluster_.scene().folder());
  other.replace(other.find("1000"), 4, "2000");
  cluster_.scene().write("project/other.toml", other);
  const Outcome refused = cluster_.run({"pipeline", "put", "project/other.toml"});
  EXPECT_EQ(refused.code, 6);
  EXPECT_NE(refused.err.find("was run as another graph"), std::string::npos) << refused.err;
  EXPECT_EQ(cluster_.json({"action", "list"}).size(), 1u);
  // Removed, it may be another one, which takes the new program.
  EXPECT_EQ(cluster_.out({"pipeline", "rm", "evens", "--wait"}), "pipeline 'evens' is removed\n");
  EXPECT_EQ(cluster_.run({"pipeline", "status", "evens"}).code, 3);
  fs::remove(cluster_.scene().path("kept"));
  cluster_.out({"pipeline", "put", "project/other.toml"});
  cluster_.out({"pipeline", "run", "evens", "--wait=completed"});
  EXPECT_EQ(cluster_.scene().read("kept"), evens(2000));
  EXPECT_EQ(cluster_.json({"action", "list"})[0]["version"], 2);
}

TEST_F(Commands, ActionsComeBackAsTheyWerePut) {
  Scene& scene = cluster_.scene();
  // More than a chunk, and no multiple of it.
  const std::string large = large_script(3'500'000);
  scene.write("large", large);
  const json put = cluster_.json({"action", "put", "tool", "large"});
  EXPECT_EQ(put["version"], 1);
  EXPECT_EQ(put["bytes"], large.size());
  EXPECT_EQ(cluster_.json({"action", "put", "tool", "large"})["version"], 1) << "it is the same";
  scene.write("small", "#!/bin/sh\n");
  EXPECT_EQ(cluster_.json({"action", "put", "tool", "small"})["version"], 2);
  EXPECT_EQ(cluster_.out({"action", "get", "tool"}), "#!/bin/sh\n");
  EXPECT_EQ(difference(large, cluster_.out({"action", "get", "tool", "--version", "1"})), "");
  cluster_.out({"action", "get", "tool", "--version", "1", "-O", "back"});
  EXPECT_EQ(difference(large, scene.read("back")), "");
  struct stat info {};
  ASSERT_EQ(::stat(scene.path("back").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777u, 0755u);
  cluster_.out({"action", "rm", "tool", "--version", "1"});
  const Outcome gone = cluster_.run({"action", "get", "tool", "--version", "1"});
  EXPECT_EQ(gone.code, 3);
  EXPECT_EQ(gone.err, "weirctl: action \"tool\" has no version 1\n");
  const Outcome slip = cluster_.run({"action", "get", "tol"});
  EXPECT_EQ(slip.code, 3);
  EXPECT_EQ(slip.err, "weirctl: no action is named \"tol\"; did you mean 'tool'?\n");
  // A pipeline that names it holds the last one.
  cluster_.put("name = \"p\"\ndataflow = \"a\"\nnode.a = { action = \"tool\" }\n");
  EXPECT_EQ(cluster_.run({"action", "rm", "tool"}).code, 6);
}

TEST_F(Commands, UploadsThatAreCutOffAreGoneOnWith) {
  Scene& scene = cluster_.scene();
  const std::string large = large_script(48u << 20);
  scene.write("large", large);
  const auto is_under_way = [&] {
    std::error_code none;
    for (const auto& entry :
         fs::directory_iterator(cluster_.folder() + "/broker-data/actions", none)) {
      if (entry.path().extension() == ".part" && fs::file_size(entry.path(), none) > 0) return true;
    }
    return false;
  };
  Command killed = cluster_.begin({"action", "put", "tool", "large"});
  EXPECT_TRUE(wait_until(is_under_way));
  killed.signal(SIGKILL);
  EXPECT_EQ(killed.wait().code, 128 + SIGKILL);
  // This one goes on where that was, and loses it when the broker dies.
  Command put = cluster_.begin({"action", "put", "tool", "large"});
  EXPECT_TRUE(wait_until(is_under_way));
  cluster_.kill("broker");
  cluster_.start_broker();
  const Outcome done = put.wait();
  EXPECT_EQ(done.code, 0) << done.err;
  cluster_.out({"action", "get", "tool", "-O", "back"});
  EXPECT_TRUE(large == scene.read("back"));
  // A fetch that is interrupted leaves nothing.
  Command fetch = cluster_.begin({"action", "get", "tool", "-O", "again"});
  const auto leftovers = [&] {
    size_t count = 0;
    for (const auto& entry : fs::directory_iterator(scene.folder())) {
      count += entry.path().filename().string().starts_with("again") ? 1 : 0;
    }
    return count;
  };
  EXPECT_TRUE(wait_until([&] { return leftovers() > 0; }));
  fetch.signal(SIGINT);
  const int code = fetch.wait().code;
  if (code == 0) GTEST_SKIP() << "it was all there before the signal came";
  EXPECT_EQ(code, 130);
  EXPECT_EQ(leftovers(), 0u);
}

TEST_F(Commands, APipelineIsRunStoppedAndEnded) {
  cluster_.put(
      "name = \"p\"\ndataflow = \"a ; b\"\n"
      "node.a = { run = \"i=0; while :; do i=$((i + 1)); echo $i; sleep 0.01; done\" }\n"
      "node.b = { run = \"cat >> " +
      cluster_.scene().path("kept") + "\", unit = \"batch\" }\n");
  EXPECT_EQ(cluster_.out({"pipeline", "run", "p", "--wait"}), "pipeline 'p' is running\n");
  EXPECT_EQ(cluster_.out({"pipeline", "stop", "p", "--wait"}), "pipeline 'p' is stopped\n");
  const Outcome removed = cluster_.run({"pipeline", "rm", "p"});
  EXPECT_EQ(removed.code, 6);
  EXPECT_NE(removed.err.find("--discard"), std::string::npos) << removed.err;
  EXPECT_EQ(cluster_.run({"pipeline", "stop", "p", "--end"}).code, 6) << "it does not run";
  cluster_.out({"pipeline", "run", "p", "--wait"});
  const Outcome late =
      cluster_.run({"pipeline", "run", "p", "--wait=completed", "--timeout", "200ms"});
  EXPECT_EQ(late.code, 5);
  EXPECT_NE(late.err.find("pipeline 'p' is not completed after 200ms: running"), std::string::npos)
      << late.err;
  EXPECT_EQ(cluster_.out({"pipeline", "stop", "p", "--end", "--wait"}),
            "pipeline 'p' is completed\n");
  EXPECT_EQ(cluster_.out({"pipeline", "rm", "p", "--wait", "--discard"}),
            "pipeline 'p' is removed\n");
}

TEST_F(Commands, AWaitNamesTheHostThatIsAway) {
  cluster_.put(
      "name = \"p\"\ndataflow = \"a\"\nnode.a = { run = \"sleep 1000\", hosts = "
      "[\"gamma\"] }\n");
  const Outcome late = cluster_.run({"pipeline", "run", "p", "--wait", "--timeout", "500ms"});
  EXPECT_EQ(late.code, 5);
  EXPECT_NE(late.err.find("note: node 'a' waits for host 'gamma', which the broker does not know"),
            std::string::npos)
      << late.err;
  EXPECT_NE(late.err.find("is not running after 500ms: starting: a: waits for agent gamma"),
            std::string::npos)
      << late.err;
  Command wait = cluster_.begin({"pipeline", "run", "p", "--wait"});
  cluster_.start_agent("gamma");
  const Outcome came = wait.wait();
  EXPECT_EQ(came.code, 0) << came.err;
  cluster_.out({"pipeline", "stop", "p", "--wait"});
}

TEST_F(Commands, AMissingProgramFailsThePipeline) {
  cluster_.put("name = \"p\"\ndataflow = \"a\"\nnode.a = { run = \"no-such-program\" }\n");
  // Its shell runs for a moment.
  const Outcome failed = cluster_.run({"pipeline", "run", "p", "--wait=completed"});
  EXPECT_EQ(failed.code, 1);
  EXPECT_NE(failed.err.find("weirctl: pipeline 'p' has failed: a: "), std::string::npos)
      << failed.err;
  cluster_.out({"pipeline", "stop", "p", "--wait"});
}

TEST_F(Commands, AnInterruptedWaitLeavesThePipelineAsItIs) {
  cluster_.put(
      "name = \"p\"\ndataflow = \"a\"\nnode.a = { run = \"sleep 1000\", hosts = "
      "[\"gamma\"] }\n");
  Command wait = cluster_.begin({"pipeline", "run", "p", "--wait"});
  // It says so after it was asked to run, when that has been the reason for a while.
  ASSERT_TRUE(wait_until([&] {
    return wait.err_so_far().find("pipeline 'p': starting") != std::string::npos;
  })) << wait.err_so_far();
  wait.signal(SIGINT);
  EXPECT_EQ(wait.wait().code, 130);
  EXPECT_EQ(cluster_.state("p"), "starting") << "the wish stays";
  cluster_.out({"pipeline", "stop", "p", "--wait"});
}

TEST_F(Commands, AWaitOutlivesARestartOfTheBroker) {
  cluster_.put(
      "name = \"p\"\ndataflow = \"a\"\nnode.a = { run = \"sleep 1000\", hosts = "
      "[\"gamma\"] }\n");
  Command wait = cluster_.begin({"pipeline", "run", "p", "--wait"});
  ASSERT_TRUE(cluster_.wait_for_state("p", "starting"));
  cluster_.kill("broker");
  cluster_.start_broker();
  cluster_.start_agent("gamma");
  const Outcome came = wait.wait();
  EXPECT_EQ(came.code, 0) << came.err;
  cluster_.out({"pipeline", "stop", "p", "--wait"});
}

TEST_F(Commands, ABrokerThatDoesNotAnswerIsNamedWithAHint) {
  cluster_.kill("broker");
  const Outcome away = cluster_.run({"status"});
  EXPECT_EQ(away.code, 4);
  const std::string endpoint = cluster_.broker_endpoint();
  EXPECT_EQ(away.err, "weirctl: no broker answers at " + endpoint +
                          " (from WEIR_BROKER): " + endpoint +
                          " refuses the connection: nobody listens\nhint: start one with "
                          "'weir-broker --data DIR', or name another with --broker ENDPOINT or "
                          "WEIR_BROKER\n");
  cluster_.start_broker();
  cluster_.wait_for_agents(2);
  ASSERT_EQ(::kill(cluster_.pid("broker"), SIGSTOP), 0);
  Command asks = cluster_.begin({"status"});
  asks.signal(SIGINT);
  EXPECT_EQ(asks.wait().code, 130);
  ASSERT_EQ(::kill(cluster_.pid("broker"), SIGCONT), 0);
}

TEST_F(Commands, StatusShowsTheWholeCluster) {
  write_pipeline();
  cluster_.out({"pipeline", "put", "project/evens.toml"});
  cluster_.out({"pipeline", "run", "evens", "--wait=completed"});
  const json status = cluster_.json({"status"});
  EXPECT_EQ(status["broker"], cluster_.broker_endpoint());
  EXPECT_EQ(status["agents"].size(), 2u);
  EXPECT_EQ(status["agents"][0]["name"], "alpha");
  EXPECT_EQ(status["agents"][0]["connected"], true);
  EXPECT_EQ(status["agents"][0]["address"], "127.0.0.1");
  EXPECT_EQ(status["pipelines"][0]["state"], "completed");
  EXPECT_EQ(status["pipelines"][0]["instances_up"], 3);
  EXPECT_NE(cluster_.out({"status"}).find("\nevens     completed  3/3"), std::string::npos);
  EXPECT_NE(cluster_.out({"tree", "--live", "evens"}).find(" +--> even        ended"),
            std::string::npos)
      << cluster_.out({"tree", "--live", "evens"});
  EXPECT_EQ(cluster_.json({"top"}).size(), 3u);
  EXPECT_NE(cluster_.out({"pipeline", "get", "evens"}).find("dataflow = "), std::string::npos);
  // What pipeline get prints is the same pipeline.
  cluster_.scene().write("project/again.toml", cluster_.out({"pipeline", "get", "evens"}));
  cluster_.out({"pipeline", "put", "project/again.toml"});
}

TEST_F(Commands, EventsAreFollowed) {
  Command follow = cluster_.begin({"events", "-f", "-o", "json", "--tail", "0"});
  const auto kinds = [&] {
    std::vector<std::string> all;
    std::istringstream lines(follow.out_so_far());
    for (std::string line; std::getline(lines, line) && !lines.eof();) {
      const json event = json::parse(line);
      if (event["pipeline"] == "p") all.push_back(event["kind"]);
    }
    return all;
  };
  cluster_.put("name = \"p\"\ndataflow = \"a\"\nnode.a = { run = \"true\" }\n");
  // It begins with what comes after it began: the second put of another graph is seen for sure.
  ASSERT_TRUE(wait_until([&] {
    cluster_.put("name = \"p\"\ndataflow = \"a\"\nnode.a = { run = \"true\" }\n");
    cluster_.put("name = \"p\"\ndataflow = \"a\"\nnode.a = { run = \"echo\" }\n");
    return !kinds().empty();
  })) << follow.err_so_far();
  cluster_.kill("broker");
  cluster_.start_broker();
  // Nobody waits for a broker that refuses.
  ASSERT_TRUE(wait_until([&] { return cluster_.run({"status"}).code == 0; }));
  cluster_.out({"pipeline", "run", "p", "--wait=completed"});
  EXPECT_TRUE(wait_until([&] {
    const auto all = kinds();
    return !all.empty() && all.back() == "pipeline.completed";
  })) << follow.out_so_far();
  follow.signal(SIGTERM);
  EXPECT_EQ(follow.wait().code, 143);
  const json events = cluster_.json({"events", "p", "--tail", "1"});
  EXPECT_EQ(events.at(0)["kind"], "pipeline.completed");
}

}  // namespace
}  // namespace weir::e2e
