// kill -9 of each process in turn, at random moments of a run of numbered records (R1 to R4, R11):
// each record arrives exactly once and in order at a sink that names its files by WEIR_UNIT, and at
// weirctl's output; and nothing is left behind.
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <random>

#include "schema/runtime/process.h"
#include "test/e2e/support/ledger.h"
#include "test/e2e/support/scene.h"

namespace weir::e2e {
namespace {

namespace fs = std::filesystem;

constexpr size_t kRecordBytes = 91;
constexpr const char* kNodes[] = {"numbers", "inner", "files", "show"};

struct Plan {
  std::string unit = "batch";    // Of the inner node.
  std::string source = "rerun";  // Or "position".
  size_t records = 100'000;
  size_t kills = 7;
  bool kill_weirctl = false;
  uint64_t seed = 1;
};

std::string pipeline(const Plan& plan) {
  const std::string last = std::to_string(plan.records);
  const bool rerun = plan.source == "rerun";
  const std::string first = rerun ? "1" : "$((WEIR_POSITION + 1))";
  // So many runs of the sinks' programs as make it last some seconds.
  const std::string sink_records = std::to_string(plan.records / 200);
  const std::string patience = "\nretries = 1000\nbackoff = \"20ms\"\nbackoff_max = \"50ms\"\n";
  return "name = \"kill\"\ndataflow = \"numbers ; inner ; (files || show)\"\n"
         "[node.numbers]\nrun = \"seq -f %090.0f " +
         first + " " + last + "\"\n" + (rerun ? "rerun = true" : "") + patience +
         "[node.inner]\nrun = \"sed 's/^/n/'\"\nunit = \"" + plan.unit + "\"" +
         (plan.unit == "batch" ? "\nmax_records = 2000" : "") + patience +
         "[node.files]\nrun = 'cat > tmp.$WEIR_UNIT && sync tmp.$WEIR_UNIT && "
         "mv tmp.$WEIR_UNIT out/$WEIR_UNIT'\nunit = \"batch\"\nmax_records = " +
         sink_records + patience +
         "[node.show]\nrun = \"cat\"\nunit = \"batch\"\nmax_records = " + sink_records + patience;
}

class Run {
 public:
  explicit Run(const Plan& plan) : plan_(plan), random_(plan.seed) {
    out_ = scene_.make_folder("out");
    scene_.write("kill.toml", pipeline(plan));
  }

  void go() {
    SCOPED_TRACE("WEIR_TEST_SEED=" + std::to_string(plan_.seed));
    Command up = start();
    for (size_t i = 0; i < plan_.kills && up.running(); ++i) {
      if (!await_progress(up, plan_.kills > 1 ? 200 * i / plan_.kills : 0)) break;
      if (plan_.kill_weirctl) {
        up.signal(SIGKILL);
        up.wait();
        kills_ += "weirctl ";
        // What it started goes by itself.
        ASSERT_TRUE(wait_until([&] { return scene_.processes().empty(); })) << report();
        up = restarted();
      } else {
        kill_one(up);
      }
    }
    const Outcome outcome = up.wait(kSlowdown * Limit(120'000));
    EXPECT_TRUE(outcome.in_time) << report() << outcome.err;
    EXPECT_EQ(outcome.code, 0) << report() << outcome.err;
    check_files();
    EXPECT_EQ(difference(expected(), scene_.read("result/show")), "") << report();
    EXPECT_EQ(scene_.leftovers(true), "") << report();
    if (::testing::Test::HasFailure()) {
      std::fprintf(stderr, "%s%s\n", report().c_str(), outcome.err.c_str());
    }
  }

 private:
  Command start() {
    return scene_.start(scene_.up({"--data", scene_.path("data"), "--output", scene_.path("result"),
                                   scene_.path("kill.toml")}));
  }

  Command restarted() { return start(); }

  size_t units_there() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(out_), {}));
  }

  // Waits until so many units have come out, and a random while beyond. False: it has ended.
  bool await_progress(const Command& up, size_t units) {
    const auto far_enough = [&] { return units_there() >= units || !up.running(); };
    EXPECT_TRUE(wait_until(far_enough)) << report() << up.err_so_far();
    ::poll(nullptr, 0, static_cast<int>(pick(0, 60)));
    return up.running();
  }

  void kill_one(const Command& up) {
    const size_t what = pick(0, 4);
    const std::string node = kNodes[pick(0, 3)];
    std::string name;
    const auto find = [&]() -> std::optional<pid_t> {
      if (what == 0) return first_of("weir-broker ");
      if (what == 1) return first_of("weir-agent ");
      if (what == 2) return scene_.wrapper(node);
      if (what == 3) return scene_.guard(node);
      return scene_.program(node);
    };
    std::optional<pid_t> pid;
    wait_until([&] { return (pid = find()) || !up.running(); }, Limit(2'000));
    if (!pid) return;  // Between two runs, or at the end.
    const auto pidfd = runtime::open_pidfd(*pid);
    if (!pidfd || !runtime::signal_pidfd(*pidfd, SIGKILL)) return;
    const char* const kWhat[] = {"broker", "agent", "wrapper", "guard", "program"};
    kills_ += kWhat[what] + (what < 2 ? "" : " of " + node) + " at " +
              std::to_string(units_there()) + ", ";
  }

  std::optional<pid_t> first_of(const std::string& text) const {
    const std::vector<Process> found = scene_.processes_with(text);
    if (found.empty()) return std::nullopt;
    return found.front().pid;
  }

  std::string expected() const {
    std::string all;
    char line[128];
    for (size_t i = 1; i <= plan_.records; ++i) {
      std::snprintf(line, sizeof line, "n%090zu\n", i);
      all += line;
    }
    return all;
  }

  void check_files() const { EXPECT_EQ(difference(expected(), archived(out_)), "") << report(); }

  size_t pick(size_t from, size_t to) {
    return std::uniform_int_distribution<size_t>(from, to)(random_);
  }

  std::string report() const {
    return "WEIR_TEST_SEED=" + std::to_string(plan_.seed) + " in " + scene_.folder() +
           "; killed: " + kills_ + "\n";
  }

  Plan plan_;
  Scene scene_;
  std::mt19937_64 random_;
  std::string out_;
  std::string kills_;
};

void run(Plan plan) {
  plan.seed = seed_from_environment(plan.seed);
  Run(plan).go();
}

TEST(Kill, OfProcessesLosesNothingFromARerunSourceToStreams) {
  run({.unit = "stream", .source = "rerun", .seed = 11});
}
TEST(Kill, OfProcessesLosesNothingFromAPositionSourceToStreams) {
  run({.unit = "stream", .source = "position", .seed = 12});
}
TEST(Kill, OfProcessesLosesNothingFromARerunSourceToBatches) {
  run({.unit = "batch", .source = "rerun", .seed = 13});
}
TEST(Kill, OfProcessesLosesNothingFromAPositionSourceToBatches) {
  run({.unit = "batch", .source = "position", .seed = 14});
}

TEST(Kill, OfWeirctlAndAResumeLoseNothingOfStreams) {
  run({.unit = "stream", .source = "rerun", .kills = 3, .kill_weirctl = true, .seed = 21});
}
TEST(Kill, OfWeirctlAndAResumeLoseNothingOfBatches) {
  run({.unit = "batch", .source = "position", .kills = 3, .kill_weirctl = true, .seed = 22});
}

void run_many(Plan plan, size_t times) {
  plan.records = 1'000'000;
  const uint64_t first = seed_from_environment(plan.seed);
  for (plan.seed = first; plan.seed < first + times; ++plan.seed) {
    for (const char* unit : {"stream", "batch"}) {
      for (const char* source : {"rerun", "position"}) {
        plan.unit = unit;
        plan.source = source;
        Run(plan).go();
      }
    }
  }
}

TEST(KillLong, OfProcessesLosesNothing) { run_many({.kills = 40, .seed = 100}, 5); }
TEST(KillLong, OfWeirctlAndAResumeLoseNothing) {
  run_many({.kills = 10, .kill_weirctl = true, .seed = 200}, 2);
}

// A program that would act on a truncated input never does, whoever is killed (R11).
TEST(Kill, NobodyActsOnTruncatedInput) {
  const uint64_t seed = seed_from_environment(31);
  std::mt19937_64 random(seed);
  Scene scene;
  scene.write("act.toml",
              "name = \"act\"\ndataflow = \"numbers ; act\"\n"
              "[node.numbers]\nrun = \"cat gate; seq 1 200000; cat gate; seq 1 200000\"\n"
              "rerun = true\nretries = 1000\nbackoff = \"20ms\"\nbackoff_max = \"50ms\"\n"
              "[node.act]\nrun = 'cat > tmp.$$; wc -c < tmp.$$ >> done'\nunit = \"stream\"\n"
              "retries = 1000\nbackoff = \"20ms\"\nbackoff_max = \"50ms\"\n");
  ASSERT_TRUE(scene.run(scene.shell("mkfifo gate")).in_time);
  Command up = scene.start(scene.up({"--data", scene.path("data"), scene.path("act.toml")}));
  const std::vector<std::string> victims{"wrapper", "guard", "agent", "broker", "weirctl"};
  for (size_t i = 0; i < 10; ++i) {
    const std::string victim = victims[i % victims.size()];
    ASSERT_TRUE(wait_until([&] { return scene.program("act").has_value(); })) << up.err_so_far();
    ::poll(nullptr, 0, static_cast<int>(random() % 50));
    std::optional<pid_t> pid;
    if (victim == "wrapper") pid = scene.wrapper("act");
    if (victim == "guard") pid = scene.guard("act");
    if (victim == "agent") pid = scene.processes_with("weir-agent ").at(0).pid;
    if (victim == "broker") pid = scene.processes_with("weir-broker ").at(0).pid;
    if (victim == "weirctl") {
      up.signal(SIGKILL);
      up.wait();
      ASSERT_TRUE(wait_until([&] { return scene.processes().empty(); }));
      up = scene.start(scene.up({"--data", scene.path("data"), scene.path("act.toml")}));
    } else if (pid) {
      ::kill(*pid, SIGKILL);
    }
  }
  // Only now the source may go on to its end.
  Command opener = scene.start(scene.shell("while :; do : > gate; done"));
  const Outcome outcome = up.wait();
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const std::string whole = std::to_string(2 * 1'288'895) + "\n";
  EXPECT_EQ(scene.read("done"), whole) << "seed " << seed << "\n" << outcome.err;
  opener.signal(SIGKILL);
  opener.wait();
  EXPECT_EQ(scene.leftovers(true), "");
}

}  // namespace
}  // namespace weir::e2e
