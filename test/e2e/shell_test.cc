// weirctl as a shell and its scripts have it: signals, descriptors, files and folders that are not
// as they should be.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "test/e2e/harness.h"
#include "test/e2e/small_disk.h"

namespace weir::e2e {
namespace {

namespace fs = std::filesystem;

std::string numbers(int from, int to) {
  std::string text;
  for (int i = from; i <= to; ++i) text += std::to_string(i) + "\n";
  return text;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// weirctl as $1 of a shell script.
CommandOptions script(const std::string& text) {
  CommandOptions options;
  options.argv = {"sh", "-c", text, "sh", WEIRCTL};
  return options;
}

// ---- signals

class IgnoredSignal : public testing::TestWithParam<const char*> {};

TEST_P(IgnoredSignal, StaysIgnored) {
  Scene scene;
  const std::string name = GetParam();
  Command up = scene.start(script("trap '' " + name +
                                  "; exec $1 up -e \"'seq 3; until [ -e go ]; do sleep 0.02; done; "
                                  "seq 4 5' ; 'cat'\""));
  ASSERT_TRUE(wait_until([&] { return up.out_so_far() == numbers(1, 3); })) << up.err_so_far();
  up.signal(name == "HUP" ? SIGHUP : name == "INT" ? SIGINT : SIGTERM);
  scene.write("go", "");
  const Outcome done = up.wait();
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out, numbers(1, 5));
  EXPECT_EQ(scene.leftovers(), "");
}

INSTANTIATE_TEST_SUITE_P(All, IgnoredSignal, testing::Values("HUP", "INT", "TERM"),
                         [](const auto& one) { return std::string(one.param); });

// ---- standard output

// Reads from a pipe until it ends.
std::string read_all(int fd) {
  std::string text;
  char buffer[4096];
  for (ssize_t count; (count = ::read(fd, buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<size_t>(count));
  }
  return text;
}

struct NonBlockingPipe {
  NonBlockingPipe() {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    reader.reset(ends[0]);
    writer.reset(ends[1]);
    EXPECT_EQ(::fcntl(writer.get(), F_SETFL, O_NONBLOCK), 0);
  }
  UniqueFd reader;
  UniqueFd writer;
};

void expect_all_through(Scene& scene, CommandOptions command, const std::string& expected) {
  NonBlockingPipe pipe;
  command.stdout_fd = pipe.writer.get();
  Command running = scene.start(command);
  // Nothing is read before there is no room for more.
  int pending = 0;
  ASSERT_TRUE(wait_until([&] {
    return ::ioctl(pipe.reader.get(), FIONREAD, &pending) == 0 && pending > 60'000;
  })) << running.err_so_far();
  pipe.writer.reset();
  const std::string out = read_all(pipe.reader.get());
  const Outcome done = running.wait();
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(difference(expected, out), "") << done.err;
}

TEST(NonBlockingStdout, OfUpIsWaitedFor) {
  Scene scene;
  expect_all_through(scene, scene.up({"-e", "'seq 200000' ; 'cat'"}), numbers(1, 200'000));
}

TEST(NonBlockingStdout, OfLogsIsWaitedFor) {
  Scene scene;
  const Outcome run = scene.run(scene.up({"--data", "d", "-e", "'seq 100000 >&2'"}));
  ASSERT_EQ(run.code, 0) << run.err;
  expect_all_through(scene, scene.weirctl({"logs", "--data", "d"}), numbers(1, 100'000));
}

TEST(NonBlockingStdin, IsReadToItsEnd) {
  Scene scene;
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  CommandOptions command = scene.weirctl({"pipeline", "check", "-"});
  command.stdin_fd = reader.get();
  Command check = scene.start(command);
  const std::string half = "name = \"p\"\ndataflow = \"a\"\n";
  ASSERT_EQ(::write(writer.get(), half.data(), half.size()), static_cast<ssize_t>(half.size()));
  // It has read that, and would take "nothing now" for the end.
  int pending = 1;
  ASSERT_TRUE(
      wait_until([&] { return ::ioctl(reader.get(), FIONREAD, &pending) == 0 && pending == 0; }));
  const std::string rest = "node.a = { run = \"seq 3\" }\n";
  ASSERT_EQ(::write(writer.get(), rest.data(), rest.size()), static_cast<ssize_t>(rest.size()));
  writer.reset();
  const Outcome done = check.wait();
  EXPECT_EQ(done.code, 0) << done.err;
}

TEST(ClosedStdout, IsNoSuccess) {
  Scene scene;
  const Outcome up = scene.run(script("$1 up -e \"'seq 3'\" >&-"));
  EXPECT_EQ(up.code, 1);
  EXPECT_TRUE(contains(up.err, "standard output is closed")) << up.err;
  EXPECT_EQ(scene.leftovers(), "");
  // Opened for reading only.
  EXPECT_EQ(scene.run(script("$1 up -e \"'seq 3'\" 1</dev/null")).code, 1);
  // Nothing goes there.
  const Outcome files = scene.run(script("$1 up --output o -e \"'seq 3'\" >&-"));
  EXPECT_EQ(files.code, 0) << files.err;
  EXPECT_EQ(scene.read("o/seq"), numbers(1, 3));
  for (const char* command : {"up --print -e \"'seq 3'\"", "tree -e \"'seq 3'\"", "--version",
                              "pipeline check -e \"'seq 3'\"", "up --help"}) {
    const Outcome other = scene.run(script("$1 " + std::string(command) + " >&-"));
    EXPECT_EQ(other.code, 1) << command;
    EXPECT_TRUE(contains(other.err, "write standard output: Bad file descriptor")) << other.err;
  }
}

// What is opened later gets the number of what was closed.
TEST(ClosedStdout, AndStderrDoNotBecomeFilesOfTheRun) {
  Scene scene;
  const Outcome all = scene.run(
      script("$1 up --data d --output o -e \"'seq 3; echo said >&2' ; 'cat'\" <&- >&- 2>&-"));
  EXPECT_EQ(all.code, 0);
  EXPECT_EQ(scene.read("o/cat"), numbers(1, 3));
  const Outcome again =
      scene.run(scene.up({"--data", "d", "--output", "o", "-e", "'seq 3; echo said >&2' ; 'cat'"}));
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_TRUE(contains(again.err, "this run is complete")) << again.err;
}

// ---- files

TEST(NoexecMount, IsNamedAndNotTheFilesMode) {
  Scene scene;
  const SmallDisk disk(scene.path("with blank"), 1);
  if (!disk.mounted()) GTEST_SKIP() << disk.why_not();
  scene.write("with blank/tool", "#!/bin/sh\ncat\n", 0755);
  fs::copy_file("/bin/sh", scene.path("with blank/sh"));
  scene.write("script", "#!" + scene.make_folder("link") + "/sh\ncat\n", 0755);
  fs::remove(scene.path("link"));
  fs::create_directory_symlink(scene.path("with blank"), scene.path("link"));
  disk.forbid_programs();
  const auto pipeline = [](const std::string& file) {
    return "name = \"p\"\ndataflow = \"a ; b\"\naction.tool = { file = \"" + file +
           "\" }\nnode.a = { run = \"seq 3\" }\n"
           "node.b = { action = \"tool\", unit = \"stream\" }\n";
  };
  const std::string named = "is on " + scene.path("with blank") +
                            ", which is mounted noexec: no program there can be run";
  scene.write("p.toml", pipeline("with blank/tool"));
  const Outcome tool = scene.run(scene.up({"p.toml"}));
  EXPECT_EQ(tool.code, 1);
  EXPECT_TRUE(contains(tool.err, "/tool: it " + named)) << tool.err;
  scene.write("p.toml", pipeline("script"));
  const Outcome script = scene.run(scene.up({"--data", "d", "p.toml"}));
  EXPECT_EQ(script.code, 1);
  EXPECT_TRUE(contains(script.err, "its interpreter " + scene.path("link/sh") + " " + named))
      << script.err;
}

// ---- the command line

TEST(EmptyValue, IsRefusedByEachProgram) {
  Scene scene;
  for (const char* program :
       {"weir-broker --data", "weir-broker --data d --listen", "weir-broker --data d --config",
        "weir-agent --name a --data", "weir-agent --data d --name",
        "weir-agent --data d --name a --broker", "weir-wrapper --order"}) {
    for (const char* value : {" ''", "="}) {
      const Outcome only = scene.run(script("$(dirname $1)/" + std::string(program) + value));
      EXPECT_NE(only.code, 0) << program;
      EXPECT_TRUE(contains(only.err, "the value is empty")) << program << value << only.err;
    }
  }
  scene.write("empty.toml", "data = \"\"\n");
  const Outcome file = scene.run(script("$(dirname $1)/weir-broker --config empty.toml"));
  EXPECT_EQ(file.code, 2);
  EXPECT_TRUE(contains(file.err, "empty.toml:1:8: error: it is empty")) << file.err;
}

}  // namespace
}  // namespace weir::e2e
