// `weirctl up` where the disk is short, full, or gone: it takes what it needs and no more, says at
// once when that is not there (R7), puts nothing but data on standard output, and nothing twice.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "test/e2e/support/scene.h"
#include "test/e2e/support/small_disk.h"

namespace weir::e2e {
namespace {

namespace fs = std::filesystem;

// Slow enough to be stopped in the middle.
constexpr const char* kSteady =
    "i=0; while [ $i -lt 100 ]; do i=$((i+1)); echo $i; sleep 0.02; done";

long lines_of(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

TEST(ShortDisk, ThatFillsUpRepeatsNoOutput) {
  Scene scene;
  const SmallDisk disk(scene.path("disk"), 100);
  if (!disk.mounted()) GTEST_SKIP() << disk.why_not();
  const CommandOptions command = scene.up({"--data", "disk/d", "-e", quoted(kSteady) + " ; 'cat'"});
  Command first = scene.start(command);
  ASSERT_TRUE(wait_until([&] { return lines_of(first.out_so_far()) > 10; }));
  disk.fill();
  first.signal(SIGTERM);
  const Outcome stopped = first.wait();
  EXPECT_EQ(stopped.code, 143) << stopped.err;
  disk.empty();
  const Outcome done = scene.run(command);
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(difference(numbers(1, 100), stopped.out + done.out), "") << stopped.err << done.err;
}

TEST(ShortDisk, ThatLosesTheFolderOfARunPutsOutNothingButData) {
  Scene scene;
  Command up = scene.start(scene.up({"--data", "d", "-e", quoted(kSteady) + " ; 'cat'"}));
  ASSERT_TRUE(wait_until([&] { return lines_of(up.out_so_far()) > 10; }));
  fs::remove_all(scene.path("d"));
  const long before = lines_of(up.out_so_far());
  ASSERT_TRUE(wait_until([&] { return !up.running() || lines_of(up.out_so_far()) > before + 5; }));
  up.signal(SIGTERM);
  const Outcome stopped = up.wait();
  EXPECT_EQ(numbers(1, 100).substr(0, stopped.out.size()), stopped.out) << stopped.err;
}

// What a write that failed had put out already is known to the byte.
TEST(ShortDisk, OfStandardOutputIsGoneOnWithToTheByte) {
  Scene scene;
  const SmallDisk disk(scene.path("disk"), 1);
  if (!disk.mounted()) GTEST_SKIP() << disk.why_not();
  CommandOptions command = scene.up({"--data", "d", "-e", "'seq 400000' ; ('cat' || 'wc -l')"});
  const UniqueFd full(
      ::open(scene.path("disk/out").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  command.stdout_fd = full.get();
  const Outcome failed = scene.run(command);
  EXPECT_EQ(failed.code, 1);
  EXPECT_NE(failed.err.find("standard output: write: No space left on device"), std::string::npos)
      << failed.err;
  command.stdout_fd = -1;
  const Outcome done = scene.run(command);
  EXPECT_EQ(done.code, 0) << done.err;
  const std::string before = scene.read("disk/out");
  EXPECT_GT(before.size(), 900'000u);
  std::string all = "\n" + before + done.out;
  // The other lane's one line is somewhere between others, or the first or the last.
  all.erase(all.find("\n400000\n"), 7);
  EXPECT_EQ(difference("\n" + numbers(1, 400000), all), "");
}

// ---- little room

struct Stream {
  const char* name;
  const char* pipeline;
  const char* out;
};

// 22 MB each.
const Stream kStreams[] = {
    {"commands", "", "3000000\n"},
    {"batches",
     "node.a = { run = \"seq 3000000\", rerun = true }\nnode.b = { run = \"cat\", unit = \"batch\" "
     "}\n"
     "node.c = { run = \"wc -l\", unit = \"stream\" }\n",
     "3000000\n"},
    {"lines",
     "node.a = { run = \"seq 3000000\", rerun = true }\nnode.b = { run = \"cat\", protocol = "
     "\"lines\" }\n"
     "node.c = { run = \"tail -n 1\", unit = \"stream\" }\n",
     "3000000\n"},
};

class LittleRoom : public testing::TestWithParam<Stream> {};

TEST_P(LittleRoom, ThreeNodesWorkOn16MiB) {
  Scene scene;
  const SmallDisk disk(scene.path("tmp"), 16);
  if (!disk.mounted()) GTEST_SKIP() << disk.why_not();
  const std::string pipeline = GetParam().pipeline;
  scene.write("p.toml", "name = \"p\"\ndataflow = \"a ; b ; c\"\n" + pipeline);
  const Outcome done =
      scene.run(pipeline.empty() ? scene.up({"-e", "'seq 3000000' ; 'cat' ; 'wc -l'"})
                                 : scene.up({"p.toml"}));
  EXPECT_TRUE(done.in_time);
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out, GetParam().out);
}

INSTANTIATE_TEST_SUITE_P(All, LittleRoom, testing::ValuesIn(kStreams),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(ShortDisk, IsHardlyTakenByThreeRecords) {
  Scene scene;
  const SmallDisk disk(scene.path("tmp"), 12);
  if (!disk.mounted()) GTEST_SKIP() << disk.why_not();
  const Outcome done = scene.run(scene.up({"-e", "'seq 3' ; 'cat' ; 'wc -l'"}));
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out, "3\n");
  EXPECT_EQ(done.err, "");
}

TEST(ShortDisk, WithoutRoomIsRefusedBeforeTheRunBegins) {
  Scene scene;
  const SmallDisk disk(scene.path("tmp"), 4);
  if (!disk.mounted()) GTEST_SKIP() << disk.why_not();
  const Outcome failed =
      scene.run(scene.up({"-q", "-e", "'touch begun; seq 3' ; 'cat' ; 'wc -l'"}));
  EXPECT_EQ(failed.code, 1);
  EXPECT_NE(failed.err.find("has no room: 4.0 MiB are left, and 3 nodes need "), std::string::npos)
      << failed.err;
  EXPECT_NE(failed.err.find("set TMPDIR to, or say --data DIR on, another disk"), std::string::npos)
      << failed.err;
  EXPECT_FALSE(fs::exists(scene.path("begun")));
  EXPECT_EQ(scene.leftovers(), "");
}

// A log may drop nothing of what a stream unit holds.
TEST(ShortDisk, FailsARunWithADataFolderWhenItsLogIsFull) {
  Scene scene;
  const SmallDisk disk(scene.path("disk"), 16);
  if (!disk.mounted()) GTEST_SKIP() << disk.why_not();
  const Outcome failed =
      scene.run(scene.up({"--data", "disk/d", "-e", "'seq 3000000' ; 'cat' ; 'wc -l'"}));
  EXPECT_TRUE(failed.in_time);
  EXPECT_EQ(failed.code, 1) << failed.err;
  EXPECT_NE(failed.err.find("and cannot drain"), std::string::npos) << failed.err;
  EXPECT_NE(failed.err.find("give it more room (log_limit)"), std::string::npos) << failed.err;
}

// The bytes that the logs have already count as room.
TEST(ShortDisk, HasTheSameRoomForAResumedRun) {
  Scene scene;
  const SmallDisk disk(scene.path("disk"), 16);
  if (!disk.mounted()) GTEST_SKIP() << disk.why_not();
  scene.write(
      "p.toml",
      "name = \"p\"\ndataflow = \"a ; b ; c\"\n"
      "node.a = { run = \"seq 3000000\", rerun = true }\n"
      "node.b = { run = \"cat\", unit = \"batch\" }\n"
      "node.c = { run = \"[ -e go ] || exit 75; cat\", unit = \"batch\", backoff = \"20ms\" }\n");
  const CommandOptions command = scene.up({"--data", "disk/d", "--output", "o", "p.toml"});
  const auto used = [&] {
    return fs::space(scene.path("disk")).capacity - fs::space(scene.path("disk")).available;
  };
  {
    // Both logs are full.
    Command up = scene.start(command);
    ASSERT_TRUE(wait_until([&] { return used() > (4u << 20); })) << up.err_so_far();
    up.signal(SIGKILL);
    up.wait();
    ASSERT_TRUE(wait_until([&] { return scene.processes().empty(); }));
  }
  scene.write("go", "");
  const Outcome done = scene.run(command);
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(difference(numbers(1, 3'000'000), scene.read("o/c")), "");
}

TEST(ShortDisk, ThatSomebodyElseFillsIsNamedEvenWithQuiet) {
  Scene scene;
  const SmallDisk disk(scene.path("tmp"), 64);
  if (!disk.mounted()) GTEST_SKIP() << disk.why_not();
  Command up = scene.start(scene.up({"-q", "-e", quoted(kSteady) + " ; 'cat'"}));
  ASSERT_TRUE(wait_until([&] { return lines_of(up.out_so_far()) > 10; }));
  disk.fill();
  ASSERT_TRUE(wait_until([&] {
    return up.err_so_far().find("the disk of its log is ") != std::string::npos;
  })) << up.err_so_far();
  disk.empty();
  const Outcome done = up.wait();
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(difference(numbers(1, 100), done.out), "") << done.err;
}

}  // namespace
}  // namespace weir::e2e
