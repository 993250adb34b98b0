#include "schema/runtime/local_listener.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>
#include <vector>

#include "schema/runtime/loop.h"
#include "schema/runtime/zmq_socket.h"

namespace weir::runtime {
namespace {

namespace fs = std::filesystem;

class LocalListenerTest : public ::testing::Test {
 protected:
  LocalListenerTest() {
    std::string name = fs::temp_directory_path() / "weir-socket-XXXXXX";
    folder_ = ::mkdtemp(name.data());
    path_ = folder_ + "/socket";
  }
  ~LocalListenerTest() override { fs::remove_all(folder_); }

  bool answers() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy(path_.begin(), path_.end(), address.sun_path);
    const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  // As a process leaves it that is killed.
  void leave_dead_socket() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy(path_.begin(), path_.end(), address.sun_path);
    const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  mode_t mode() const {
    struct stat info {};
    return ::lstat(path_.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
  }

  std::string folder_;
  std::string path_;
};

TEST_F(LocalListenerTest, ListensAndTakesItsSocketAlong) {
  {
    auto listener = LocalListener::open(path_);
    ASSERT_TRUE(listener) << listener.error().what;
    EXPECT_TRUE(answers());
    const LocalListener moved = std::move(*listener);
    EXPECT_TRUE(fs::exists(path_));
  }
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(LocalListenerTest, ALivingListenerIsAConflictAndGoesOn) {
  const auto first = LocalListener::open(path_);
  ASSERT_TRUE(first);
  const auto second = LocalListener::open(path_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kConflict);
  EXPECT_TRUE(answers());
}

TEST_F(LocalListenerTest, ADeadSocketIsReplaced) {
  leave_dead_socket();
  ASSERT_FALSE(answers());
  const auto listener = LocalListener::open(path_);
  ASSERT_TRUE(listener) << listener.error().what;
  EXPECT_TRUE(answers());
}

TEST_F(LocalListenerTest, WhatIsNoSocketStays) {
  std::ofstream(path_) << "precious";
  const auto file = LocalListener::open(path_);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::kInvalid);
  EXPECT_EQ(fs::file_size(path_), 8U);
  fs::remove(path_);
  fs::create_symlink(folder_ + "/nothing", path_);
  EXPECT_FALSE(LocalListener::open(path_));
  EXPECT_TRUE(fs::is_symlink(path_));
  fs::remove(path_);
  fs::create_directory(path_);
  EXPECT_FALSE(LocalListener::open(path_));
  EXPECT_TRUE(fs::is_directory(path_));
}

TEST_F(LocalListenerTest, SomebodyElsesSocketAtThePathIsNotRemoved) {
  {
    const auto listener = LocalListener::open(path_);
    ASSERT_TRUE(listener);
    fs::remove(path_);
    leave_dead_socket();
  }
  EXPECT_TRUE(fs::exists(path_));
}

TEST_F(LocalListenerTest, TheGroupMayConnectWhereOnlyItMayEnter) {
  const auto mode_in = [&](mode_t folder) {
    EXPECT_EQ(::chmod(folder_.c_str(), folder), 0);
    const auto listener = LocalListener::open(path_);
    return listener ? mode() : mode_t{0};
  };
  EXPECT_EQ(mode_in(0700), mode_t{0660});
  EXPECT_EQ(mode_in(0750), mode_t{0660});
  EXPECT_EQ(mode_in(0755), mode_t{0600}) << "others may enter";
  EXPECT_EQ(mode_in(01777), mode_t{0600}) << "as in /tmp";
  EXPECT_EQ(mode_in(0777), mode_t{0}) << "others could replace the socket: refused";
  EXPECT_EQ(mode_in(0770), mode_t{0}) << "likewise";
}

TEST_F(LocalListenerTest, OfManyThatFindADeadSocketOneListens) {
  leave_dead_socket();
  std::vector<std::optional<LocalListener>> listeners(8);
  std::vector<std::thread> threads;
  threads.reserve(listeners.size());
  for (auto& listener : listeners) {
    threads.emplace_back([&] {
      if (auto opened = LocalListener::open(path_)) listener.emplace(std::move(*opened));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::count_if(listeners.begin(), listeners.end(), [](const auto& l) { return !!l; }),
            1);
  EXPECT_TRUE(answers());
}

TEST_F(LocalListenerTest, ZeroMqListensThereAndLeavesNothing) {
  {
    ZmqContext context;
    auto router = ZmqSocket::router(context, {});
    auto dealer = ZmqSocket::dealer(context, {});
    ASSERT_TRUE(router && dealer);
    const auto endpoint = router->bind("ipc://" + path_);
    ASSERT_TRUE(endpoint) << endpoint.error().what;
    EXPECT_EQ(*endpoint, "ipc://" + path_);
    ASSERT_TRUE(dealer->connect(*endpoint));
    ASSERT_TRUE(dealer->send({"hello"}));
    ASSERT_TRUE(router->wait(std::chrono::seconds(10)));
    std::vector<Message> parts;
    ASSERT_TRUE(*router->receive(parts));
    EXPECT_EQ(parts.back().view(), "hello");
    // A second endpoint of the same socket is not bound with the first one's descriptor.
    const auto tcp = router->bind("tcp://127.0.0.1:*");
    ASSERT_TRUE(tcp) << tcp.error().what;
    EXPECT_TRUE(tcp->starts_with("tcp://127.0.0.1:")) << *tcp;

    auto second = ZmqSocket::router(context, {});
    const auto conflict = second->bind("ipc://" + path_);
    ASSERT_FALSE(conflict);
    EXPECT_EQ(conflict.error().code, ErrorCode::kConflict);
    EXPECT_EQ(conflict.error().what,
              "bind ipc://" + path_ + ": another process listens at " + path_);
  }
  EXPECT_FALSE(fs::exists(path_));
}

}  // namespace
}  // namespace weir::runtime
