#include "wrapper/shell/kept_port.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace weir::shell {
namespace {

class KeptPort : public ::testing::Test {
 protected:
  KeptPort() { EXPECT_NE(::mkdtemp(folder_.data()), nullptr); }
  ~KeptPort() override { std::filesystem::remove_all(folder_); }

  std::string bind(runtime::ZmqSocket& socket) {
    auto bound = bind_to_kept_port(socket, "tcp://127.0.0.1:*", file());
    EXPECT_TRUE(bound) << bound.error().what;
    return bound ? *bound : "";
  }
  runtime::ZmqSocket socket() { return std::move(*runtime::ZmqSocket::router(context_, {})); }
  std::string file() const { return folder_ + "/port"; }

  std::string folder_ = "/tmp/weir-port-XXXXXX";
  runtime::ZmqContext context_;
};

// ZeroMQ lets go of a port a moment after its socket was closed; a wrapper's process is gone whole.
TEST_F(KeptPort, IsAskedForAgain) {
  std::string first;
  {
    runtime::ZmqContext context;
    auto socket = std::move(*runtime::ZmqSocket::router(context, {}));
    first = bind(socket);
  }
  auto again = socket();
  EXPECT_EQ(bind(again), first);
}

TEST_F(KeptPort, IsGivenUpWhenSomebodyElseHasIt) {
  auto holder = socket();
  const std::string first = bind(holder);
  auto other = socket();
  const std::string second = bind(other);
  EXPECT_NE(first, second);
  std::ifstream kept(file());
  std::string port;
  kept >> port;
  EXPECT_TRUE(second.ends_with(":" + port)) << second << " " << port;
}

TEST_F(KeptPort, IsNotBelievedWhenSpoilt) {
  for (const char* text : {"", "x", "0", "70000", "-1"}) {
    std::ofstream(file()) << text;
    auto one = socket();
    EXPECT_TRUE(bind(one).starts_with("tcp://127.0.0.1:")) << text;
  }
}

}  // namespace
}  // namespace weir::shell
