// `weirctl top` on a terminal.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <termios.h>

#include <csignal>
#include <cstdlib>

#include "schema/base/unique_fd.h"
#include "test/e2e/support/cluster.h"

namespace weir::e2e {
namespace {

// A terminal: the test types and sees at one end, the program has the other one.
class Terminal {
 public:
  Terminal() {
    outer_.reset(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    EXPECT_EQ(::grantpt(outer_.get()), 0);
    EXPECT_EQ(::unlockpt(outer_.get()), 0);
    char name[128];
    EXPECT_EQ(::ptsname_r(outer_.get(), name, sizeof name), 0);
    inner_.reset(::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
  }

  int inner() const { return inner_.get(); }
  void type(const std::string& text) const {
    EXPECT_EQ(::write(outer_.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  // All that has been shown so far.
  const std::string& shown() {
    pollfd poll{outer_.get(), POLLIN, 0};
    char buffer[4096];
    while (::poll(&poll, 1, 0) > 0 && (poll.revents & POLLIN) != 0) {
      const ssize_t count = ::read(outer_.get(), buffer, sizeof buffer);
      if (count <= 0) break;
      shown_.append(buffer, static_cast<size_t>(count));
    }
    return shown_;
  }
  bool echoes() const {
    termios now{};
    return ::tcgetattr(inner_.get(), &now) == 0 && (now.c_lflag & ECHO) != 0;
  }

 private:
  UniqueFd outer_;
  UniqueFd inner_;
  std::string shown_;
};

constexpr char kLeave[] = "\x1b[?25h\x1b[?1049l";

class Top : public ::testing::Test {
 protected:
  Top() {
    cluster_.put("name = \"p\"\ndataflow = \"ticker\"\nnode.ticker = { run = \"sleep 1000\" }\n");
    cluster_.out({"pipeline", "run", "p", "--wait"});
  }
  ~Top() override { cluster_.out({"pipeline", "stop", "p", "--wait"}); }

  Command top() {
    CommandOptions options = cluster_.weirctl({"top"});
    options.stdin_fd = options.stdout_fd = terminal_.inner();
    return cluster_.scene().start(options);
  }
  bool waits_for(const std::string& text) {
    return wait_until([&] { return terminal_.shown().find(text) != std::string::npos; });
  }

  Cluster cluster_{user_cluster({"alpha"})};
  Terminal terminal_;
};

TEST_F(Top, EndsWithQAndLeavesTheTerminalAsItWas) {
  Command top = this->top();
  EXPECT_TRUE(waits_for("ticker")) << terminal_.shown();
  EXPECT_FALSE(terminal_.echoes());
  // It is looked at again.
  cluster_.out({"pipeline", "stop", "p", "--wait"});
  EXPECT_TRUE(waits_for("waiting")) << terminal_.shown();
  terminal_.type("xq");
  const Outcome outcome = top.wait();
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(terminal_.shown().ends_with(kLeave));
  EXPECT_TRUE(terminal_.echoes());
}

TEST_F(Top, EndsOnASignalAndLeavesTheTerminalAsItWas) {
  Command top = this->top();
  EXPECT_TRUE(waits_for("ticker")) << terminal_.shown();
  top.signal(SIGINT);
  EXPECT_EQ(top.wait().code, 130);
  EXPECT_TRUE(terminal_.shown().ends_with(kLeave));
  EXPECT_TRUE(terminal_.echoes());
}

TEST_F(Top, GoesOnWhileTheBrokerIsAway) {
  Command top = this->top();
  EXPECT_TRUE(waits_for("ticker")) << terminal_.shown();
  cluster_.kill("broker");
  EXPECT_TRUE(waits_for("the broker did not answer")) << terminal_.shown();
  cluster_.start_broker();
  EXPECT_TRUE(wait_until([&] {
    const std::string& shown = terminal_.shown();
    return shown.rfind("ticker") > shown.rfind("the broker did not answer");
  }));
  terminal_.type("q");
  EXPECT_EQ(top.wait().code, 0);
}

}  // namespace
}  // namespace weir::e2e
