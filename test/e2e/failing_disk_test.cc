// One real wrapper on a disk whose system calls fail (libfiu): a failed write or sync is never
// taken for one that worked, and nothing is lost or repeated (R6, R7). And what a wrapper does when
// the host runs short of something.
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "schema/wire/wrapper_process.h"
#include "test/e2e/support/one_wrapper.h"
#include "test/e2e/support/small_disk.h"

namespace weir::e2e {
namespace {

constexpr uint64_t kRecords = 3000;

// A source that goes on where it was: what its log has is what it has written, once.
wire::StartOrder counting_source(const OneWrapper& wrapper) {
  wire::StartOrder order = wrapper.order(
      "i=$WEIR_POSITION; [ -n \"$i\" ] || i=0; "
      "while [ $i -lt " +
      std::to_string(kRecords) +
      " ]; do i=$((i+1)); printf '%0200d\\n' $i; [ $((i%50)) != 0 ] || sleep 0.01; done");
  order.node.durability = graph::Durability::kDisk;
  order.node.retries = 1000;
  order.readers = {{"next.0", ""}};
  return order;
}

// What is in its log, by the wrapper's own word.
std::string inspect(const OneWrapper& wrapper, const std::string& what) {
  const std::string command = std::string(WEIR_WRAPPER) + " --inspect " + what + " " +
                              wrapper.path("wal") + " >" + wrapper.path("told") + " 2>&1";
  EXPECT_EQ(std::system(command.c_str()), 0) << wrapper.content("told");
  return wrapper.content("told");
}

// On a disk that is well again.
void expect_all_once_at_the_end(OneWrapper& wrapper, const wire::StartOrder& order) {
  wrapper.start(order);
  ASSERT_TRUE(wrapper.wait_for("the end", [](const auto& s) {
    return s.state == wire::InstanceState::kEnded;
  })) << wrapper.content("log");
  wrapper.kill();
  const std::string verified = inspect(wrapper, "verify");
  EXPECT_NE(verified.find("\"damages\":[]"), std::string::npos) << verified;
  EXPECT_NE(verified.find("\"records\":" + std::to_string(kRecords + 1) + ","), std::string::npos)
      << verified;
  const std::string dump = inspect(wrapper, "dump");
  EXPECT_NE(dump.find("\"position\":" + std::to_string(kRecords) + ","), std::string::npos) << dump;
}

struct Failing {
  const char* call;
  const char* error;  // errno.
};

class FailingDisk : public testing::TestWithParam<Failing> {};

TEST_P(FailingDisk, R6R7NothingIsLostOrRepeated) {
  constexpr const char* kPreload =
      "/usr/lib/fiu/fiu_run_preload.so /usr/lib/fiu/fiu_posix_preload.so";
  if (!std::filesystem::exists("/usr/lib/fiu/fiu_posix_preload.so")) {
    GTEST_SKIP() << "libfiu is not installed: apt-get install fiu-utils";
  }
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "libfiu cannot be loaded in front of a sanitizer";
#endif
  OneWrapper wrapper;
  const wire::StartOrder order = counting_source(wrapper);
  const std::vector<std::string> environment{std::string("LD_PRELOAD=") + kPreload,
                                             std::string("FIU_ENABLE=enable_random name=") +
                                                 GetParam().call +
                                                 ",probability=0.05,failinfo=" + GetParam().error};
  int failures = 0;
  for (int start = 0; start < 40; ++start) {
    wrapper.start(order, {}, environment);
    // It goes when a call has failed; it may be through before.
    if (const int status = wrapper.wait_for_exit_or(
            [](const auto& s) { return s.state == wire::InstanceState::kEnded; });
        status >= 0) {
      EXPECT_EQ(status, wire::kExitAgain) << wrapper.content("log");
      ++failures;
      continue;
    }
    wrapper.kill();
    break;
  }
  EXPECT_GT(failures, 0);
  std::printf("%d starts ended by a failed %s\n", failures, GetParam().call);
  expect_all_once_at_the_end(wrapper, order);
}

INSTANTIATE_TEST_SUITE_P(All, FailingDisk,
                         testing::Values(Failing{"posix/io/sync/fdatasync", "5"},
                                         Failing{"posix/io/rw/pwrite", "28"},
                                         Failing{"posix/io/rw/pwrite", "5"},
                                         Failing{"posix/io/rw/pwrite", "30"}),
                         [](const auto& one) {
                           const std::string call = one.param.call;
                           return call.substr(call.rfind('/') + 1) + "_errno_" + one.param.error;
                         });

// A disk that its kernel has made read-only (the running wrapper saw failed writes: above).
TEST(ReadOnlyDisk, R6R7TheLogIsNotOpenedAndNothingIsLost) {
  OneWrapper wrapper;
  const SmallDisk disk(wrapper.path("wal"), 64);
  if (!disk.mounted()) GTEST_SKIP() << disk.why_not();
  const wire::StartOrder order = counting_source(wrapper);
  wrapper.start(order);
  ASSERT_TRUE(wrapper.wait_for("records", [](const auto& s) { return s.records_out > 100; }));
  wrapper.kill();
  disk.set_read_only(true);
  wrapper.start(order);
  EXPECT_EQ(wrapper.wait_for_exit(), wire::kExitAgain);
  EXPECT_NE(wrapper.content("log").find("Read-only file system"), std::string::npos)
      << wrapper.content("log");
  disk.set_read_only(false);
  expect_all_once_at_the_end(wrapper, order);
}

TEST(Pressure, R7WhileMemoryIsShortNoInputIsTaken) {
  OneWrapper wrapper;
  const auto memory = [&](const char* kib) {
    std::ofstream(wrapper.path("meminfo.new"))
        << "MemTotal:        4000000 kB\nMemFree:   1 kB\nMemAvailable:   " << kib << " kB\n";
    std::filesystem::rename(wrapper.path("meminfo.new"), wrapper.path("meminfo"));
  };
  memory("99000");
  wire::StartOrder order = counting_source(wrapper);
  order.node.run = "yes";
  wrapper.start(order, {"--memory-reserve", std::to_string(100'000 << 10), "--memory-file",
                        wrapper.path("meminfo")});
  const auto is_short = [](const auto& s) {
    return s.last_error.find("memory is short on this host") != std::string::npos;
  };
  ASSERT_TRUE(wrapper.wait_for("it to say so", is_short));
  ASSERT_TRUE(wrapper.wait_for_reports(2));
  EXPECT_EQ(wrapper.status().records_out, 0u);
  EXPECT_EQ(wrapper.status().state, wire::InstanceState::kRunning);
  memory("200000");
  ASSERT_TRUE(wrapper.wait_for("records", [](const auto& s) { return s.records_out > 0; }));
  EXPECT_EQ(wrapper.status().last_error, "");
  memory("99000");
  ASSERT_TRUE(wrapper.wait_for("it to say so again", is_short));
  const uint64_t held = wrapper.status().records_out;
  ASSERT_TRUE(wrapper.wait_for_reports(2));
  EXPECT_EQ(wrapper.status().records_out, held);
}

}  // namespace
}  // namespace weir::e2e
