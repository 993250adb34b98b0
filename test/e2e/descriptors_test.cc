// No file descriptors are left for a wrapper, or for an agent: that is said, and all goes on when
// there are some again. Nothing is lost or repeated.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>

#include "test/e2e/support/cluster.h"

namespace weir::e2e {
namespace {

namespace fs = std::filesystem;

// Lets a process open nothing more, until this goes. What is open stays so.
class NoMoreDescriptors {
 public:
  explicit NoMoreDescriptors(pid_t pid) : pid_(pid) {
    EXPECT_EQ(::prlimit(pid_, RLIMIT_NOFILE, nullptr, &before_), 0);
    rlimit none = before_;
    const std::string open = "/proc/" + std::to_string(pid) + "/fd/";
    for (none.rlim_cur = 0; fs::is_symlink(open + std::to_string(none.rlim_cur));) ++none.rlim_cur;
    EXPECT_EQ(::prlimit(pid_, RLIMIT_NOFILE, &none, nullptr), 0);
  }
  NoMoreDescriptors(const NoMoreDescriptors&) = delete;
  NoMoreDescriptors& operator=(const NoMoreDescriptors&) = delete;
  // It may be gone.
  ~NoMoreDescriptors() { ::prlimit(pid_, RLIMIT_NOFILE, &before_, nullptr); }

 private:
  pid_t pid_;
  rlimit before_{};
};

class Descriptors : public ::testing::Test {
 protected:
  Descriptors() {
    const std::string folder = cluster_.scene().folder();
    cluster_.scene().make_folder("out");
    cluster_.put(
        "name = \"p\"\ndataflow = \"source ; inner ; sink\"\n"
        "[node.source]\nrun = \"until [ -e " +
        folder +
        "/go ]; do sleep 0.05; done; seq -f %0199.0f 1 300000\"\nrerun = true\n"
        "[node.inner]\nrun = \"cat\"\nunit = \"batch\"\nmax_records = 10000\n"
        "[node.sink]\nrun = \"cat >tmp.$WEIR_UNIT && mv tmp.$WEIR_UNIT " +
        folder + "/out/$WEIR_UNIT\"\nunit = \"batch\"\n");
    cluster_.out({"pipeline", "run", "p", "--wait=running"});
  }

  pid_t wrapper_of(const std::string& node) {
    for (const wire::NodeStatus& one : cluster_.status("p").nodes) {
      if (one.name == node) return static_cast<pid_t>(one.instances.at(0).status.pid);
    }
    return 0;
  }

  void expect_said() {
    cluster_.scene().write("go", "");
    std::string events;
    EXPECT_TRUE(wait_until([&] {
      events = cluster_.out({"events", "p", "-o", "json"});
      return events.find("Too many open files") != std::string::npos;
    })) << events;
  }

  void expect_all_once_at_the_end() {
    ASSERT_TRUE(cluster_.wait_for_state("p", "completed"));
    const Outcome same = cluster_.scene().run(
        cluster_.scene().shell("cat out/* | sort > got; seq -f %0199.0f 1 300000 | cmp - got"));
    EXPECT_EQ(same.code, 0) << same.out << same.err;
  }

  Cluster cluster_{user_cluster({"alpha"})};
};

TEST_F(Descriptors, AWrapperWithoutDescriptorsIsStartedAgain) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "UBSan tests by means of a pipe whether an object can be read, and takes a "
                  "process without descriptors for one with broken objects";
#endif
  ASSERT_GT(wrapper_of("inner"), 0);
  {
    const NoMoreDescriptors none(wrapper_of("inner"));
    expect_said();
  }
  expect_all_once_at_the_end();
}

TEST_F(Descriptors, AnAgentWithoutDescriptorsGoesOnWhenItHasSome) {
  {
    const NoMoreDescriptors none(cluster_.pid("alpha"));
    ASSERT_EQ(::kill(wrapper_of("inner"), SIGKILL), 0);
    expect_said();
  }
  expect_all_once_at_the_end();
}

}  // namespace
}  // namespace weir::e2e
