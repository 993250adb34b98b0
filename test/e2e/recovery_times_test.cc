// How long records stand still when something is killed, at random moments under a steady flow, on
// two hosts. Prints medians and worst cases; fails when something is lost, or takes so long that it
// is not a restart any more. WEIR_KILLS=N: so many of each kind (20); WEIR_KILLED=guard: only
// these; WEIR_TEST_SEED: the moments.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <random>
#include <sstream>
#include <thread>

#include "test/e2e/support/cluster.h"

namespace weir::e2e {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr uint64_t kRecordsBetweenMin = 600;  // Of some 4 ms each.
constexpr uint64_t kRecordsBetweenMax = 1000;
// A wrapper that has been up for 10 s is started again at once; each node gets every third kill.
constexpr uint64_t kRecordsBetweenWrappersMin = 900;
constexpr milliseconds kLookEvery{1};
// What a kill holds up is held up when what was on its way behind the place is used up. Whatever
// stands still later has other causes.
constexpr milliseconds kHeldUpWithin{kSlowdown * 500};
constexpr milliseconds kWorstMax{kSlowdown * 15'000};
constexpr const char* kNodes[] = {"source", "inner", "sink"};

// The times at which numbers came that are higher than all before them.
class Arrivals {
 public:
  explicit Arrivals(std::string path) : path_(std::move(path)), thread_([this] { run(); }) {}
  Arrivals(const Arrivals&) = delete;
  Arrivals& operator=(const Arrivals&) = delete;
  ~Arrivals() {
    stopping_ = true;
    thread_.join();
  }

  uint64_t highest() const { return highest_; }

  struct Standstill {
    milliseconds gap{0};         // The longest between two new records that the kill can have made.
    milliseconds since_kill{0};  // From the kill to the end of that.
  };
  Standstill standstill_after(Clock::time_point kill) const {
    const std::lock_guard lock(mutex_);
    Standstill longest;
    for (size_t i = 1; i < times_.size(); ++i) {
      const auto gap = duration_cast<milliseconds>(times_[i] - times_[i - 1]);
      if (times_[i] <= kill || times_[i - 1] > kill + kHeldUpWithin) continue;
      if (gap <= longest.gap) continue;
      longest = {gap, duration_cast<milliseconds>(times_[i] - kill)};
    }
    return longest;
  }

 private:
  void run() {
    std::ifstream file;
    std::string line;
    while (!stopping_) {
      std::this_thread::sleep_for(kLookEvery);
      if (!file.is_open()) file.open(path_);
      file.clear();
      for (std::string part; std::getline(file, part);) {
        line += part;
        if (file.eof()) break;  // The rest of it comes later.
        take(std::stoull(line));
        line.clear();
      }
    }
  }
  void take(uint64_t number) {
    if (number <= highest_) return;
    const std::lock_guard lock(mutex_);
    highest_ = number;
    times_.push_back(Clock::now());
  }

  const std::string path_;
  std::atomic<bool> stopping_ = false;
  std::atomic<uint64_t> highest_ = 0;
  mutable std::mutex mutex_;
  std::vector<Clock::time_point> times_;
  std::thread thread_;
};

long long ms(milliseconds time) { return static_cast<long long>(time.count()); }

pid_t child_named(pid_t parent, const std::string& name) {
  std::istringstream children(read_file("/proc/" + std::to_string(parent) + "/task/" +
                                        std::to_string(parent) + "/children"));
  for (pid_t child = 0; children >> child;) {
    if (read_file("/proc/" + std::to_string(child) + "/comm") == name + "\n") return child;
  }
  return 0;
}

std::string setting(const char* name, const std::string& otherwise) {
  const char* set = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return set == nullptr ? otherwise : set;
}

class RecoveryTimesLong : public ::testing::Test {
 protected:
  RecoveryTimesLong() : random_(seed_from_environment(1)) {
    const std::string arrived = scene().path("arrived");
    cluster_.put(
        "name = \"p\"\ndataflow = \"source ; inner ; sink\"\n"
        "[node.source]\nhosts = [\"alpha\"]\nretries = 1000\n"
        "run = \"i=${WEIR_POSITION:-0}; while :; do i=$((i+1)); echo $i; sleep 0.002; done\"\n"
        "[node.inner]\nhosts = [\"beta\"]\nprotocol = \"lines\"\nretries = 1000\n"
        "run = 'while read -r l; do echo \"$l\"; done'\n"
        "[node.sink]\nhosts = [\"alpha\"]\nprotocol = \"lines\"\nretries = 1000\n"
        "run = 'while read -r l; do echo \"$l\" >>" +
        arrived + "; echo; done'\n");
    cluster_.out({"pipeline", "run", "p", "--wait=running"});
    arrivals_.emplace(arrived);
  }

  Scene& scene() { return cluster_.scene(); }

  bool wait_for_records(uint64_t count) {
    const uint64_t wanted = arrivals_->highest() + count;
    return wait_until([&] { return arrivals_->highest() >= wanted; });
  }

  // 0: it is not there just now.
  pid_t pid_of(const std::string& what, const std::string& node) {
    for (const wire::NodeStatus& one : cluster_.status("p").nodes) {
      if (one.name != node) continue;
      const wire::InstanceStatus& status = one.instances.at(0).status;
      const auto wrapper = static_cast<pid_t>(status.pid);
      if (what == "wrapper" || wrapper == 0) return wrapper;
      if (what == "guard") return child_named(wrapper, "weir-guard");
      return static_cast<pid_t>(status.action_pid);
    }
    return 0;
  }

  // Kills one of this kind; the moment.
  Clock::time_point kill(const std::string& what, size_t turn) {
    if (what == "broker" || what == "agent") {
      const std::string name = what == "broker" ? what : turn % 2 == 0 ? "alpha" : "beta";
      const auto now = Clock::now();
      cluster_.kill(name);
      name == "broker" ? cluster_.start_broker() : cluster_.start_agent(name);
      return now;
    }
    pid_t pid = 0;
    EXPECT_TRUE(wait_until([&] { return (pid = pid_of(what, kNodes[turn % 3])) > 0; })) << what;
    const auto now = Clock::now();
    EXPECT_EQ(::kill(pid, SIGKILL), 0) << what;
    return now;
  }

  // How often a writer connected anew because its reader, which lives, did not answer.
  size_t given_up() {
    size_t count = 0;
    for (const auto& [node, agent] : {std::pair("source", "alpha"), std::pair("inner", "beta")}) {
      std::istringstream log(read_file(cluster_.layout(agent).wrapper_log({"p", node, 0, 0})));
      for (std::string line; std::getline(log, line);) {
        count += line.find("does not answer: connects anew") != std::string::npos ? 1 : 0;
      }
    }
    return count;
  }

  void measure(const std::string& what, size_t kills) {
    const size_t given_up_before = given_up();
    std::vector<milliseconds> gaps;
    std::vector<milliseconds> until;
    std::uniform_int_distribution<uint64_t> between(
        what == "wrapper" ? kRecordsBetweenWrappersMin : kRecordsBetweenMin, kRecordsBetweenMax);
    for (size_t i = 0; i < kills; ++i) {
      ASSERT_TRUE(wait_for_records(between(random_) / 2)) << what;
      const auto killed = kill(what, i);
      cluster_.wait_for_agents(2);
      ASSERT_TRUE(wait_for_records(between(random_) / 2)) << what << ", after kill " << i;
      const Arrivals::Standstill still = arrivals_->standstill_after(killed);
      gaps.push_back(still.gap);
      until.push_back(still.since_kill);
    }
    std::sort(gaps.begin(), gaps.end());
    std::sort(until.begin(), until.end());
    std::printf("%-8s %4zu kills: no new record for %lld ms (median), %lld ms (worst)",
                what.c_str(), kills, ms(gaps[kills / 2]), ms(gaps.back()));
    // Records that flow on all the time have no moment of recovery.
    if (what != "agent" && what != "broker") {
      std::printf("; they flow again %lld ms after the kill (median), %lld ms (worst)",
                  ms(until[kills / 2]), ms(until.back()));
    }
    std::printf("\n");
    std::fflush(stdout);
    EXPECT_LT(gaps.back(), kWorstMax) << what;
    if (what != "wrapper") {
      EXPECT_EQ(given_up(), given_up_before) << what;
    }
  }

  Cluster cluster_{user_cluster({"alpha", "beta"})};
  std::optional<Arrivals> arrivals_;
  std::mt19937_64 random_;
};

TEST_F(RecoveryTimesLong, AreShortWhateverIsKilled) {
  ASSERT_TRUE(wait_for_records(10));
  const std::string only = setting("WEIR_KILLED", "");
  for (const char* what : {"wrapper", "guard", "program", "agent", "broker"}) {
    if (!only.empty() && only != what) continue;
    measure(what, std::stoul(setting("WEIR_KILLS", "20")));
    if (HasFailure()) return;
  }
  cluster_.out({"pipeline", "stop", "--end", "p"});
  ASSERT_TRUE(cluster_.wait_for_state("p", "completed"));
  const Outcome all = scene().run(
      scene().shell("sort -nu arrived > got; seq 1 $(tail -n 1 got) | cmp - got && wc -l < got"));
  EXPECT_EQ(all.code, 0) << all.out << all.err;
  std::printf("%s records, none lost\n", all.out.substr(0, all.out.find('\n')).c_str());
}

}  // namespace
}  // namespace weir::e2e
