#include "schema/runtime/prober.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <filesystem>
#include <optional>

#include "schema/runtime/dialer.h"
#include "schema/runtime/signals.h"
#include "schema/runtime/zmq_socket.h"

namespace weir::runtime {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kLimit = seconds(20);

bool has_ipv6_loopback() {
  const UniqueFd fd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 loopback{};
  loopback.sin6_family = AF_INET6;
  loopback.sin6_addr = in6addr_loopback;
  return ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&loopback), sizeof loopback) == 0;
}

class ProberTest : public ::testing::Test {
 protected:
  ProberTest() {
    std::string name = std::filesystem::temp_directory_path() / "weir-prober-XXXXXX";
    folder_ = ::mkdtemp(name.data());
  }
  ~ProberTest() override { std::filesystem::remove_all(folder_); }

  std::string listen(const std::string& endpoint) {
    sockets_.push_back(std::move(*ZmqSocket::router(context_, {})));
    auto bound = sockets_.back().bind(endpoint);
    EXPECT_TRUE(bound) << bound.error().what;
    return bound ? *bound : "";
  }
  // Of the kernel, which accepts in the name of a process that does nothing.
  std::string listen_in_silence() {
    silent_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* at = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(silent_.get(), at, size), 0);
    EXPECT_EQ(::listen(silent_.get(), 1), 0);
    EXPECT_EQ(::getsockname(silent_.get(), at, &size), 0);
    return "tcp://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  // Where nobody listens.
  std::string closed_port() {
    ZmqContext context;
    auto socket = ZmqSocket::router(context, {});
    return *socket->bind("tcp://127.0.0.1:*");
  }
  template <typename Begin>
  Result<std::string> answer(Begin begin) {
    std::optional<Result<std::string>> answer;
    begin([&](Result<std::string> what) { answer.emplace(std::move(what)); });
    EXPECT_FALSE(answer) << "never called at once";
    const auto until = std::chrono::steady_clock::now() + kLimit;
    while (!answer && std::chrono::steady_clock::now() < until) loop_.run_once(milliseconds(100));
    return answer ? *answer : Result<std::string>(Error{ErrorCode::kTimeout, "never called"});
  }
  Result<std::string> probe(const std::vector<std::string>& endpoints,
                            milliseconds limit = kLimit) {
    return answer([&](Prober::Done done) { prober_.ask(endpoints, limit, std::move(done)); });
  }
  Result<std::string> dial(const std::string& endpoint, milliseconds limit = kLimit) {
    return answer([&](Dialer::Done done) { dialer_.dial(endpoint, limit, std::move(done)); });
  }

  ZmqContext context_;
  Loop loop_;
  Prober prober_{loop_};
  Dialer dialer_{loop_};
  std::vector<ZmqSocket> sockets_;
  UniqueFd silent_;
  std::string folder_;
};

TEST_F(ProberTest, SaysWhoGreets) {
  const std::string tcp = listen("tcp://127.0.0.1:*");
  const std::string ipc = listen("ipc://" + folder_ + "/socket");
  EXPECT_EQ(*probe({tcp}), tcp);
  EXPECT_EQ(*probe({ipc}), ipc);
  EXPECT_EQ(*probe({closed_port(), listen_in_silence(), ipc}), ipc);
}

TEST_F(ProberTest, ARefusalComesAtOnceAndIsCalledSo) {
  const std::string closed = closed_port();
  const std::string nowhere = "ipc://" + folder_ + "/nothing";
  const auto refused = probe({closed, nowhere});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(refused.error().what.find(closed + " refuses the connection"), std::string::npos)
      << refused.error().what;
  EXPECT_NE(refused.error().what.find(nowhere + ": there is no such socket"), std::string::npos);
}

TEST_F(ProberTest, SilenceIsToldFromARefusal) {
  const std::string silent = listen_in_silence();
  const auto answer = probe({closed_port(), silent}, milliseconds(200));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kTimeout);
  EXPECT_NE(answer.error().what.find(silent + " is silent"), std::string::npos)
      << answer.error().what;
}

TEST_F(ProberTest, WhatIsNoAddressIsNotWaitedFor) {
  const auto answer = probe({"tcp://broker:7700"});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kInvalid);
  EXPECT_FALSE(probe({}));
}

TEST_F(ProberTest, ANameIsReachedByWhicheverFamilyAnswers) {
  const std::string v4 = listen("tcp://127.0.0.1:*");
  const std::string port = v4.substr(v4.rfind(':'));
  EXPECT_EQ(*dial("tcp://localhost" + port), v4);
  EXPECT_EQ(*dial(v4), v4);
  if (!has_ipv6_loopback()) GTEST_SKIP() << "this host has no IPv6 loopback";
  const std::string v6 = listen("tcp://[::1]:*");
  EXPECT_EQ(*probe({v6}), v6);
  // Most systems have a name that means ::1 alone.
  for (const char* name : {"ip6-localhost", "localhost6", "localhost"}) {
    const auto answer = dial("tcp://" + std::string(name) + v6.substr(v6.rfind(':')));
    if (!answer) continue;
    EXPECT_EQ(*answer, v6);
    return;
  }
  GTEST_SKIP() << "no name on this host has the address ::1";
}

TEST_F(ProberTest, WhatCannotBeResolvedIsNotFound) {
  const auto answer = dial("tcp://no-such-host.invalid:7700");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kNotFound) << answer.error().what;
}

TEST_F(ProberTest, ADialThatIsStoppedOrRepeatedIsNotAnswered) {
  const std::string endpoint = listen("tcp://127.0.0.1:*");
  bool called = false;
  dialer_.dial("tcp://localhost:1", kLimit, [&](const auto&) { called = true; });
  dialer_.dial(listen_in_silence(), kLimit, [&](const auto&) { called = true; });
  dialer_.stop();
  EXPECT_FALSE(dialer_.is_dialing());
  EXPECT_EQ(*dial(endpoint), endpoint);
  EXPECT_FALSE(called);
}

}  // namespace
}  // namespace weir::runtime
