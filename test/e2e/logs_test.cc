// `weirctl logs` on the data folders of runs that are over, that run, and that go away.
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>

#include "test/e2e/support/scene.h"

namespace weir::e2e {
namespace {

namespace fs = std::filesystem;

// A source that says on stderr what it is told, as it is told: each file that appears under `go`.
constexpr const char* kTalker =
    "'cd go; for i in 1 2 3; do until [ -e $i ]; do sleep 0.02; done; cat $i >&2; done' ; 'cat'";

std::string file_with_failures() {
  return "name = \"bad\"\ndataflow = \"numbers ; bad\"\n"
         "node.numbers = { run = \"echo counting >&2; seq 3\", rerun = true }\n"
         "node.bad = { run = \"cat; echo first line >&2; echo broken >&2; exit 3\", unit = "
         "\"stream\", "
         "retries = 1, backoff = \"10ms\" }\n";
}

TEST(Logs, AreKeptOfProgramsThatFailed) {
  Scene scene;
  scene.write("bad.toml", file_with_failures());
  const Outcome up = scene.run(scene.up({"--data", "d", "bad.toml"}));
  ASSERT_EQ(up.code, 1) << up.err;
  EXPECT_NE(up.err.find("weir: to see what bad wrote to stderr: weirctl logs --data " +
                        fs::canonical(scene.path("d")).string() + " bad\n"),
            std::string::npos)
      << up.err;
  const Outcome all = scene.run(scene.weirctl({"logs", "--data", "d"}));
  EXPECT_EQ(all.code, 0) << all.err;
  EXPECT_EQ(all.out,
            "numbers| counting\n"
            "bad| first line\nbad| broken\nbad| first line\nbad| broken\n");
  EXPECT_EQ(all.err, "");
  const Outcome tail = scene.run(scene.weirctl({"logs", "--data", "d", "bad", "--tail", "1"}));
  EXPECT_EQ(tail.out, "broken\n") << tail.err;
  const Outcome wrapper = scene.run(scene.weirctl({"logs", "--data", "d", "--wrapper", "bad"}));
  EXPECT_EQ(wrapper.code, 0) << wrapper.err;
  EXPECT_NE(wrapper.out.find("weir-wrapper[bad/bad.0]: exited with status 3"), std::string::npos)
      << wrapper.out;
  const Outcome wrong = scene.run(scene.weirctl({"logs", "--data", "d", "bat"}));
  EXPECT_EQ(wrong.code, 3);
  EXPECT_EQ(wrong.err, "weirctl: pipeline 'bad' has no node 'bat'\nhint: did you mean 'bad'?\n");
  EXPECT_EQ(scene.run(scene.weirctl({"logs", "--data", "e"})).code, 3);
}

TEST(Logs, FollowsARunOverItsStopAndStartUntilCtrlC) {
  Scene scene;
  scene.make_folder("go");
  const std::vector<std::string> words{"--data", "d", "-e", kTalker};
  Command up = scene.start(scene.up(words));
  ASSERT_TRUE(wait_until([&] { return scene.program("cat").has_value(); })) << up.err_so_far();
  Command logs = scene.start(scene.weirctl({"logs", "--data", "d", "-f"}));
  const auto shown = [&](const std::string& text) {
    return wait_until([&] { return logs.out_so_far() == text; });
  };
  scene.write("one", "one\n");
  fs::rename(scene.path("one"), scene.path("go/1"));
  EXPECT_TRUE(shown("cd| one\n")) << logs.out_so_far() << logs.err_so_far();
  up.signal(SIGTERM);
  EXPECT_EQ(up.wait().code, 143);
  up = scene.start(scene.up(words));
  EXPECT_TRUE(shown("cd| one\ncd| one\n")) << "the source is run again: " << logs.out_so_far();
  scene.write("two", "two\ncut");
  fs::rename(scene.path("two"), scene.path("go/2"));
  EXPECT_TRUE(shown("cd| one\ncd| one\ncd| two\n")) << logs.out_so_far();
  EXPECT_TRUE(logs.running());
  logs.signal(SIGINT);
  const Outcome done = logs.wait();
  EXPECT_EQ(done.code, 130) << done.err;
  EXPECT_EQ(done.out, "cd| one\ncd| one\ncd| two\ncd| cut\n");
  EXPECT_EQ(done.err, "");
  // Without -f it ends by itself, also while the run goes on.
  const Outcome once = scene.run(scene.weirctl({"logs", "--data", "d", "--tail", "2"}));
  EXPECT_EQ(once.code, 0) << once.err;
  EXPECT_EQ(once.out, "cd| two\ncd| cut\n");
  up.signal(SIGINT);
  EXPECT_EQ(up.wait().code, 130);
}

// 8 MiB of stderr and the file is rotated.
TEST(Logs, FollowsOverRotation) {
  Scene scene;
  constexpr int kLines = 2'000'000;
  Command up = scene.start(scene.up(
      {"--data", "d", "-q", "-e",
       "'until [ -e go ]; do sleep 0.02; done; seq " + std::to_string(kLines) + " >&2' ; 'cat'"}));
  ASSERT_TRUE(wait_until([&] { return scene.program("cat").has_value(); })) << up.err_so_far();
  Command logs = scene.start(scene.weirctl({"logs", "--data", "d", "until", "--follow"}));
  scene.write("go", "");
  EXPECT_EQ(up.wait().code, 0);
  // The run is complete: nothing more comes.
  const Outcome done = logs.wait();
  EXPECT_TRUE(done.in_time);
  EXPECT_EQ(done.code, 0) << done.err;
  std::string expected;
  for (int i = 1; i <= kLines; ++i) expected += std::to_string(i) + "\n";
  EXPECT_EQ(difference(expected, done.out), "");
  EXPECT_TRUE(fs::exists(scene.path("d/agents/agent-1/logs/up/until.0.stderr.1")));
  const Outcome once = scene.run(scene.weirctl({"logs", "--data", "d", "until"}));
  EXPECT_EQ(difference(expected, once.out), "");
}

TEST(Logs, EndsWhenNobodyReadsAnyMore) {
  Scene scene;
  Command up = scene.start(scene.up({"--data", "d", "-e", "'echo here >&2; sleep 1000' ; 'cat'"}));
  ASSERT_TRUE(wait_until([&] {
    return !scene.run(scene.weirctl({"logs", "--data", "d"})).out.empty();
  })) << up.err_so_far();
  const Outcome head =
      scene.run(scene.shell(std::string(WEIRCTL) + " logs --data d -f | head -n 1"));
  EXPECT_TRUE(head.in_time);
  EXPECT_EQ(head.out, "echo| here\n");
  EXPECT_EQ(head.err, "");
  up.signal(SIGINT);
  EXPECT_EQ(up.wait().code, 130);
}

TEST(Logs, EndsWhenTheFolderIsGone) {
  Scene scene;
  Command up = scene.start(
      scene.up({"-e", "'echo here >&2; until [ -e go ]; do sleep 0.02; done' ; 'cat'"}));
  std::string folder;
  ASSERT_TRUE(wait_until([&] {
    for (const auto& entry : fs::directory_iterator(scene.path("tmp"))) folder = entry.path();
    return !folder.empty() && fs::exists(folder + "/graph");
  })) << up.err_so_far();
  Command logs = scene.start(scene.weirctl({"logs", "--data", folder, "-f"}));
  EXPECT_TRUE(wait_until([&] { return logs.out_so_far() == "echo| here\n"; }))
      << logs.out_so_far() << logs.err_so_far();
  scene.write("go", "");
  EXPECT_EQ(up.wait().code, 0);
  const Outcome done = logs.wait();
  EXPECT_TRUE(done.in_time);
  EXPECT_EQ(done.code, 0);
  EXPECT_EQ(done.err, "weirctl: " + folder + " is gone\n");
  EXPECT_EQ(scene.leftovers(), "");
}

}  // namespace
}  // namespace weir::e2e
