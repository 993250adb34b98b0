// Dead letters on servers, and two agents with one name: what a user sees of both, with everything
// real.
#include <gtest/gtest.h>
#include <poll.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <sstream>

#include "test/e2e/support/cluster.h"

namespace weir::e2e {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class ClusterDead : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return scene().path(name); }
  Scene& scene() const { return cluster_.scene(); }

  // `work` hates all that ends in 7 until there is a file `cured`; `keep` writes each unit to a
  // file of its own. The source goes on until there is a file `go`. Each has its host, so nothing
  // is moved, and so repeated (R4), however long an agent that was killed is away.
  std::string pipeline(const std::string& work) const {
    return R"toml(name = "p"
dataflow = "numbers ; work ; keep"
[node.numbers]
run = '''seq 1 60; until [ -e )toml" +
           path("go") + R"toml( ]; do sleep 0.02; done; seq 61 69'''
rerun = true
hosts = ["alpha"]
[node.work]
hosts = ["beta"]
)toml" + work +
           R"toml(
retries = 1
backoff = "10ms"
[node.keep]
hosts = ["alpha"]
run = '''cat > )toml" +
           path("tmp") + "/$WEIR_UNIT && mv " + path("tmp") + "/$WEIR_UNIT " + path("out") +
           R"toml('''
unit = "batch"
)toml";
  }
  // With a file `slow` they take their time for it.
  std::string batch() const {
    return "run = '''cat > in; if grep -q 7 in; then [ -e " + path("slow") +
           " ] && sleep 0.1; [ -e " + path("cured") +
           " ] || { echo no sevens >&2; exit 3; }; fi; cat in'''\nunit = \"batch\"";
  }
  std::string lines() const {
    return "run = '''while read -r n; do case $n in *7*) [ -e " + path("slow") +
           " ] && sleep 0.1; [ -e " + path("cured") +
           " ] || exit 3;; esac; echo $n; done'''\nprotocol = \"lines\"";
  }

  void run_until_dead(const std::string& work, size_t dead) {
    scene().make_folder("tmp");
    scene().make_folder("out");
    cluster_.put(pipeline(work));
    cluster_.out({"pipeline", "run", "p", "--wait"});
    ASSERT_TRUE(cluster_.wait("the poison is dead", [&] { return letters().size() == dead; }));
  }
  json letters() {
    const Outcome outcome = cluster_.run({"dead", "list", "p", "-o", "json"});
    json all = json::parse(outcome.out, nullptr, false);
    return outcome.code == 0 && all.is_array() ? all : json::array();
  }
  // What has been kept, a number a line of each unit's file.
  std::multiset<int> kept() const {
    std::multiset<int> all;
    for (const auto& entry : fs::directory_iterator(path("out"))) {
      std::ifstream file(entry.path());
      for (int number = 0; file >> number;) all.insert(number);
    }
    return all;
  }
  static std::multiset<int> numbers(int upto, bool sevens) {
    std::multiset<int> all;
    for (int i = 1; i <= upto; ++i) {
      if (sevens || std::to_string(i).find('7') == std::string::npos) all.insert(i);
    }
    return all;
  }
  uint64_t dead_in_status() {
    const json status = cluster_.json({"pipeline", "status", "p"});
    for (const json& node : status["nodes"]) {
      if (node["name"] == "work") return node["instances"][0]["dead_letters"];
    }
    return 0;
  }

  mutable Cluster cluster_{user_cluster({"alpha", "beta"})};
};

TEST_F(ClusterDead, R9AreListedShownDroppedAndTriedAgain) {
  run_until_dead(batch(), 6);
  const json all = letters();
  EXPECT_EQ(all[0]["record"], "7\n");
  EXPECT_EQ(all[0]["reason"], "exited with status 3");
  EXPECT_EQ(all[0]["stderr_tail"], "no sevens\n");
  const std::string first = all[0]["id"];
  EXPECT_EQ(cluster_.out({"dead", "show", "p", "work", first, "--raw"}), "7\n");
  EXPECT_EQ(cluster_.json({"dead", "show", "p", "work", first}), all[0]);
  EXPECT_NE(cluster_.out({"dead", "list", "p", "work"}).find("no sevens"), std::string::npos);
  EXPECT_EQ(cluster_.out({"dead", "list", "p", "keep"}), "no dead letters\n");
  const Outcome absent = cluster_.run({"dead", "show", "p", "work", "0.1.99"});
  EXPECT_EQ(absent.code, 3);
  EXPECT_EQ(absent.err,
            "weirctl: work has no dead letter '0.1.99'\n"
            "hint: to see which it has: weirctl dead list p work\n");
  EXPECT_EQ(cluster_.run({"dead", "list", "q"}).code, 3);
  EXPECT_EQ(cluster_.run({"dead", "retry", "p", "work"}).code, 2);
  EXPECT_EQ(cluster_.run({"dead", "retry", "p", "work", "0.1.99"}).code, 3);

  const std::string second = all[1]["id"];
  EXPECT_EQ(cluster_.out({"dead", "drop", "p", "work", second}), "1 dead letter dropped\n");
  EXPECT_EQ(letters().size(), 5u);
  // It fails again.
  const Outcome again = cluster_.run({"dead", "retry", "p", "work", first, "--wait"});
  EXPECT_EQ(again.code, 1);
  EXPECT_EQ(again.out, "0 dead letters accepted\n");
  EXPECT_EQ(letters()[0]["attempts"], all[0]["attempts"].get<int>() + 1);
  ASSERT_TRUE(cluster_.wait("status shows it", [&] { return dead_in_status() == 5; }));
  // A new version of the program, so to speak.
  scene().write("cured", "");
  EXPECT_EQ(cluster_.out({"dead", "retry", "p", "--all", "--wait", "--timeout", "60s"}),
            "5 dead letters accepted\n");
  EXPECT_EQ(cluster_.out({"dead", "list", "p"}), "no dead letters\n");
  std::multiset<int> expected = numbers(60, true);
  expected.erase(17);
  ASSERT_TRUE(cluster_.wait("all is kept", [&] { return kept() == expected; }));
  scene().write("go", "");
  ASSERT_TRUE(cluster_.wait_for_state("p", "completed"));
  EXPECT_EQ(cluster_.out({"pipeline", "rm", "p", "--wait"}), "pipeline 'p' is removed\n");
}

// Dead letters of a node that does not run are read from its log.
TEST_F(ClusterDead, R9CanBeReadOfANodeThatDoesNotRun) {
  run_until_dead(batch(), 6);
  const json before = letters();
  cluster_.out({"pipeline", "stop", "p", "--wait"});
  EXPECT_EQ(letters(), before);
  const std::string id = before[3]["id"];
  EXPECT_EQ(cluster_.out({"dead", "show", "p", "work", id, "--raw"}), "37\n");
  const Outcome retry = cluster_.run({"dead", "retry", "p", "work", id});
  EXPECT_EQ(retry.code, 6);
  EXPECT_NE(retry.err.find("work does not run"), std::string::npos) << retry.err;
  EXPECT_EQ(cluster_.out({"dead", "drop", "p", "work", id}), "1 dead letter dropped\n");
  EXPECT_EQ(cluster_.out({"dead", "drop", "p", "work", id}), "0 dead letters dropped\n");
  EXPECT_EQ(letters().size(), 5u);
  // The highest is dropped too: its number must not come again.
  cluster_.out({"dead", "drop", "p", "--all"});
  cluster_.out({"pipeline", "run", "p", "--wait"});
  scene().write("go", "");
  ASSERT_TRUE(cluster_.wait_for_state("p", "completed"));
  const json last = letters();
  ASSERT_EQ(last.size(), 1u) << last;
  EXPECT_EQ(last[0]["record"], "67\n");
  EXPECT_EQ(last[0]["id"], "0.1.6");
  EXPECT_EQ(cluster_.run({"dead", "retry", "p", "--all"}).code, 6);
  EXPECT_EQ(cluster_.run({"pipeline", "rm", "p"}).code, 6) << "it has a dead letter";
  EXPECT_EQ(cluster_.out({"dead", "drop", "p", "--all"}), "1 dead letter dropped\n");
  EXPECT_EQ(cluster_.out({"pipeline", "rm", "p", "--wait"}), "pipeline 'p' is removed\n");
  EXPECT_EQ(kept(), numbers(69, false));
}

class ClusterDeadKill : public ClusterDead, public testing::WithParamInterface<bool> {};
INSTANTIATE_TEST_SUITE_P(Programs, ClusterDeadKill, testing::Bool(),
                         [](const auto& one) { return one.param ? "Lines" : "Batch"; });

// Retried again and again while wrappers, programs and all are killed: each record arrives once.
TEST_P(ClusterDeadKill, R9EachRecordOnceThroughKills) {
  const uint64_t seed = seed_from_environment(11);
  std::mt19937_64 random(seed);
  run_until_dead(GetParam() ? lines() : batch(), 6);
  scene().write("slow", "");
  scene().write("cured", "");
  const auto none_left = [&] {
    return cluster_.run({"dead", "list", "p"}).out == "no dead letters\n";
  };
  int kills = 0;
  for (int round = 0; round < 60 && !none_left(); ++round) {
    (void)cluster_.run({"dead", "retry", "p", "--all"});
    // Between at once and when one or two are accepted.
    ::poll(nullptr, 0, static_cast<int>(random() % 250));
    const char* const nodes[] = {"work", "work", "keep", "numbers"};
    kills += cluster_.kill_wrapper(nodes[random() % 4]) ? 1 : 0;
    if (random() % 6 == 0) {
      const std::string agent = random() % 2 == 0 ? "alpha" : "beta";
      cluster_.kill(agent);
      cluster_.start_agent(agent);
    }
  }
  EXPECT_GT(kills, 2) << "seed " << seed;
  cluster_.wait("all is accepted", [&] {
    (void)cluster_.run({"dead", "retry", "p", "--all"});
    return none_left();
  });
  scene().write("go", "");
  ASSERT_TRUE(cluster_.wait_for_state("p", "completed")) << "seed " << seed;
  EXPECT_EQ(kept(), numbers(69, true)) << "seed " << seed;
}

TEST_F(ClusterDead, TheLaterOfTwoAgentsWithOneNameWaits) {
  cluster_.put(
      "name = \"q\"\ndataflow = \"a\"\nnode.a = { run = \"sleep 1000\", hosts = [\"alpha\"] }\n");
  cluster_.out({"pipeline", "run", "q", "--wait"});
  const auto pid = [&] {
    return cluster_.json({"pipeline", "status", "q"})["nodes"][0]["instances"][0]["pid"];
  };
  const json first = pid();
  Cluster& processes = cluster_;
  processes.start_agent_as("impostor", "alpha", "debug");
  const auto refusals = [&](const std::string& level) {
    std::ifstream log(processes.folder() + "/impostor.log");
    int count = 0;
    for (std::string line; std::getline(log, line);) {
      const bool refusal =
          line.find("another agent with the name \"alpha\" is at work") != line.npos;
      count += refusal && line.find(" " + level + " ") != line.npos ? 1 : 0;
    }
    return count;
  };
  ASSERT_TRUE(processes.wait("it asks again", [&] { return refusals("debug") >= 2; }));
  EXPECT_EQ(refusals("error"), 1);
  EXPECT_EQ(pid(), first);
  EXPECT_TRUE(fs::is_empty(processes.layout("impostor").orders_dir()));
  // When the first one goes for good, the name is free, and what it had runs under a higher term.
  processes.terminate("alpha");
  processes.wait_for_exit("alpha");
  ASSERT_TRUE(processes.wait("the other has its place", [&] {
    const auto status = processes.status("q");
    const auto& instance = status.nodes.at(0).instances.at(0).status;
    return instance.state == wire::InstanceState::kRunning && instance.term > 1;
  }));
  EXPECT_FALSE(fs::is_empty(processes.layout("impostor").orders_dir()));
}

}  // namespace
}  // namespace weir::e2e
