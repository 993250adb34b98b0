// weir:tail on real files: rotation by renaming and by copying and truncating, with kills of
// everything and restarts in between; every line once and in order at weirctl's output (R4).
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>

#include "test/e2e/support/scene.h"

namespace weir::e2e {
namespace {

namespace fs = std::filesystem;

std::string pipeline(const std::string& keys) {
  const std::string patience = "\nretries = 1000\nbackoff = \"20ms\"\nbackoff_max = \"50ms\"\n";
  return "name = \"tail\"\ndataflow = \"follow ; show\"\n"
         "[node.follow]\naction = \"weir:tail\"\n" +
         keys + patience + "[node.show]\nrun = \"cat\"\nunit = \"batch\"" + patience;
}

// A log that somebody writes and rotates, and a run that follows it.
class Following {
 public:
  explicit Following(uint64_t seed, const std::string& keys = "path = \"app.log\"")
      : seed_(seed), random_(seed) {
    scene_.write("tail.toml", pipeline(keys));
  }

  void start() {
    up_.emplace(scene_.start(scene_.up({"--data", scene_.path("data"), "--output",
                                        scene_.path("result"), scene_.path("tail.toml")})));
  }
  void kill_weirctl() {
    up_->signal(SIGKILL);
    up_->wait();
    up_.reset();
    ASSERT_TRUE(wait_until([&] { return scene_.processes().empty(); })) << report();
  }
  // Of the programs that there are at the moment.
  void kill_one(size_t what) {
    std::optional<pid_t> pid;
    if (what == 0) pid = scene_.program("follow");
    if (what == 1) pid = scene_.wrapper("follow");
    if (what == 2) pid = scene_.guard("follow");
    if (what == 3) pid = scene_.wrapper("show");
    if (what == 4) pid = first_of("weir-agent ");
    if (what == 5) pid = first_of("weir-broker ");
    if (!pid) return;
    ::kill(*pid, SIGKILL);
    done_ += "kill " + std::to_string(what) + ", ";
  }

  // Lines; the last of which may be written in two parts.
  void write(size_t count) {
    std::string text;
    for (size_t i = 0; i < count; ++i)
      text += std::to_string(++lines_) + std::string(60, '.') + "\n";
    const size_t cut = random_() % (text.size() + 1);
    append(text.substr(0, cut));
    append(text.substr(cut));
    expected_ += text;
  }
  void append(const std::string& bytes) {
    const int fd = ::open(log().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    ASSERT_GE(fd, 0);
    ASSERT_EQ(::write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    ::close(fd);
  }
  void shift() {
    for (int i = 40; i > 0; --i) {
      const std::string name = log() + "." + std::to_string(i);
      if (fs::exists(name)) fs::rename(name, log() + "." + std::to_string(i + 1));
    }
  }
  void rename() {
    shift();
    fs::rename(log(), log() + ".1");
    append("");
    done_ += "rename, ";
  }
  void copy_and_truncate() {
    shift();
    fs::copy_file(log(), log() + ".1");
    ASSERT_EQ(::truncate(log().c_str(), 0), 0);
    done_ += "copy, ";
  }

  void expect_all() {
    const auto all_there = [&] { return result().size() >= expected_.size(); };
    EXPECT_TRUE(wait_until(all_there)) << report();
    EXPECT_EQ(difference(expected_, result()), "") << report();
  }
  // Everything has come, once; and nothing is left behind.
  void finish() {
    expect_all();
    up_->signal(SIGINT);
    EXPECT_EQ(up_->wait().code, 130) << report();
    EXPECT_EQ(difference(expected_, result()), "") << report();
    EXPECT_EQ(scene_.leftovers(true), "") << report();
  }

  std::string result() const { return scene_.read("result/show"); }
  std::string log() const { return scene_.path("app.log"); }
  std::string err() const { return up_ ? up_->err_so_far() : ""; }
  Scene& scene() { return scene_; }
  std::mt19937_64& random() { return random_; }
  std::string report() const {
    return "WEIR_TEST_SEED=" + std::to_string(seed_) + " in " + scene_.folder() + "; " + done_ +
           "\n" + err();
  }

 private:
  std::optional<pid_t> first_of(const std::string& text) const {
    const std::vector<Process> found = scene_.processes_with(text);
    if (found.empty()) return std::nullopt;
    return found.front().pid;
  }

  uint64_t seed_;
  std::mt19937_64 random_;
  Scene scene_;
  std::optional<Command> up_;
  std::string expected_;
  size_t lines_ = 0;
  std::string done_;
};

void rotate_and_kill(uint64_t default_seed, bool copies, int rounds, const std::string& keys) {
  Following following(seed_from_environment(default_seed), keys);
  std::mt19937_64& random = following.random();
  following.write(100);
  following.start();
  following.expect_all();  // From here on it knows the file.
  for (int round = 0; round < rounds && !::testing::Test::HasFailure(); ++round) {
    const bool down = round % 4 == 3;
    if (down) following.kill_weirctl();
    for (uint64_t i = 1 + random() % 3; i > 0; --i) {
      following.write(20 + random() % 3000);
      if (!down && random() % 2 == 0) following.kill_one(random() % 6);
      // That a file was truncated of which nothing was read cannot be seen when it has grown again.
      if (copies && !down) following.expect_all();
      copies ? following.copy_and_truncate() : following.rename();
      if (!down && random() % 2 == 0) following.kill_one(random() % 3);
    }
    following.write(random() % 100);
    if (down) following.start();
    if (random() % 3 == 0) following.expect_all();
  }
  following.finish();
}

TEST(Tail, R4LosesAndRepeatsNothingOfRenamedFilesWhenKilled) {
  rotate_and_kill(1, false, 8, "path = \"app.log\"");
}
TEST(Tail, R4LosesAndRepeatsNothingOfTruncatedFilesWhenKilled) {
  rotate_and_kill(2, true, 8, "path = \"app.log\"");
}
TEST(TailLong, R4LosesAndRepeatsNothingOverRotationsWhenKilled) {
  const uint64_t first = seed_from_environment(100);
  for (uint64_t seed = first; seed < first + 10; ++seed) {
    rotate_and_kill(seed, false, 24, "path = \"app.log\"");
    rotate_and_kill(seed, true, 24, "path = \"app.log\"");
  }
}

// What GNU tail does where it can: the same lines, in the same order.
TEST(Tail, AgreesWithTailF) {
  Following following(1);
  following.write(10);
  following.start();
  Scene& scene = following.scene();
  Command tail = scene.start(scene.shell("exec tail -n +1 -F -s 0.1 app.log"));
  for (int i = 0; i < 3; ++i) {
    following.expect_all();
    // It gives up the old file as soon as it sees the new one, so it has to have read all of it.
    ASSERT_TRUE(wait_until([&] { return tail.out_so_far().size() >= following.result().size(); }));
    following.rename();
    following.write(50);
  }
  following.expect_all();
  EXPECT_TRUE(wait_until([&] { return tail.out_so_far().size() >= following.result().size(); }));
  EXPECT_EQ(difference(tail.out_so_far(), following.result()), "");
  tail.signal(SIGTERM);
  tail.wait();
  following.finish();
}

TEST(Tail, FollowsAllFilesOfAPattern) {
  Scene scene;
  const std::string logs = scene.make_folder("logs");
  scene.write("logs/a.log", "a1\n");
  scene.write("tail.toml", pipeline("path = [\"logs/*.log\", \"other\"]"));
  Command up = scene.start(scene.up({"--data", scene.path("data"), scene.path("tail.toml")}));
  const auto has = [&](const std::string& line) {
    return wait_until([&] { return up.out_so_far().find(line + "\n") != std::string::npos; });
  };
  EXPECT_TRUE(has("a1")) << up.err_so_far();
  scene.write("logs/b.log", "b1\nunfinished");
  scene.write("other", "o1\n");
  EXPECT_TRUE(has("b1")) << up.err_so_far();
  EXPECT_TRUE(has("o1")) << up.err_so_far();
  std::ofstream(logs + "/b.log", std::ios::app) << " line\n";
  EXPECT_TRUE(has("unfinished line"));
  // What a program says on stderr comes another way than its data, so perhaps later.
  EXPECT_TRUE(wait_until([&] {
    return up.err_so_far().find("other: there is no such file yet") != std::string::npos;
  })) << up.err_so_far();
  up.signal(SIGINT);
  up.wait();
  EXPECT_EQ(scene.leftovers(true), "");
}

TEST(Tail, WithoutFollowingPrintsLikeCat) {
  Scene scene;
  std::mt19937_64 random(3);
  std::string bytes;
  for (size_t i = 0; i < 2000; ++i) {
    std::string line;
    for (size_t j = random() % 2000; j > 0; --j) line += static_cast<char>(random() % 256);
    std::erase(line, '\n');
    bytes += line + "\n";
  }
  bytes += std::string(5 << 20, 'x') + "\nend\n";  // Some of them larger than any block.
  scene.write("file", bytes);
  scene.write("tail.toml", pipeline("path = \"file\"\nfollow = false"));
  const Outcome outcome = scene.run(scene.up({scene.path("tail.toml")}));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(difference(bytes, outcome.out), "");
  EXPECT_EQ(scene.leftovers(), "");

  const Outcome missing = scene.run(scene.shell("rm file"));
  EXPECT_EQ(missing.code, 0);
  const std::string failing =
      "name = \"tail\"\ndataflow = \"follow ; show\"\n[node.follow]\n"
      "action = \"weir:tail\"\npath = \"file\"\nfollow = false\nretries = 0\n"
      "[node.show]\nrun = \"cat\"\nunit = \"batch\"\n";
  scene.write("tail.toml", failing);
  const Outcome failed = scene.run(scene.up({scene.path("tail.toml")}));
  EXPECT_EQ(failed.code, 1);
  EXPECT_NE(failed.err.find("file: there is no such file"), std::string::npos) << failed.err;
  scene.kill_all();
}

TEST(Tail, R8AReaderThatWantsNoMoreEndsIt) {
  Scene scene;
  scene.write("file", "1\n2\n3\n");
  scene.write("tail.toml",
              "name = \"tail\"\ndataflow = \"follow ; show\"\n[node.follow]\n"
              "action = \"weir:tail\"\npath = \"file\"\n"
              "[node.show]\nrun = \"head -n 2\"\nunit = \"stream\"\n");
  const Outcome outcome = scene.run(scene.up({scene.path("tail.toml")}));
  EXPECT_TRUE(outcome.in_time) << "although nothing more is written";
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "1\n2\n");
  EXPECT_EQ(scene.leftovers(), "");
}

// A file that is there, and one that came while nothing ran.
TEST(Tail, FromTheEndGoesOnWhereItWasAfterARestart) {
  Following following(1, "path = [\"app.log\", \"app.log.new\"]\nfrom = \"end\"");
  Scene& scene = following.scene();
  scene.write("app.log", "old\n");
  following.start();
  // It has looked when its position is committed.
  ASSERT_TRUE(wait_until([&] {
    return following.err().find("app.log.new: there is no") != std::string::npos;
  })) << following.report();
  following.write(3);
  following.expect_all();
  following.kill_weirctl();
  following.write(4);
  following.start();
  following.expect_all();
  following.finish();
}

}  // namespace
}  // namespace weir::e2e
