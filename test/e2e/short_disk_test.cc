// `weirctl up` where the disk is short, full, or gone: what is on standard output is data and
// nothing else, and a run that is gone on with puts nothing out twice.
#include <fcntl.h>
#include <gtest/gtest.h>

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

// Slow enough to be stopped in the middle.
constexpr const char* kSteady =
    "i=0; while [ $i -lt 100 ]; do i=$((i+1)); echo $i; sleep 0.02; done";

long lines_of(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

TEST(ShortDisk, ItFillsUpAndNothingIsPutOutTwice) {
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

TEST(ShortDisk, ItsFolderGoesAndNothingButDataIsPutOut) {
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
TEST(ShortDisk, StandardOutputIsFullAndIsGoneOnWithToTheByte) {
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
  std::string all = before + done.out;
  // The other lane's one line is somewhere between others, or the last.
  all.erase(all.find("\n400000\n"), 7);
  EXPECT_EQ(difference(numbers(1, 400000), all), "");
}

}  // namespace
}  // namespace weir::e2e
