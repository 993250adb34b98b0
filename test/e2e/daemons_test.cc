// Broker and agent as somebody starts them by hand: where they listen, what they refuse, how they
// end, and what is said when nobody is there.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <chrono>
#include <csignal>
#include <filesystem>

#include "test/e2e/support/scene.h"

namespace weir::e2e {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

// Far less than the five seconds for which somebody who is silent is waited for.
constexpr auto kAtOnce = std::chrono::milliseconds(kSlowdown * 3000);

class Daemons : public ::testing::Test {
 protected:
  Daemons() : runtime_dir_(scene_.make_folder("run")) {}

  CommandOptions broker(std::vector<std::string> words, const std::string& data = "broker") {
    words.insert(words.begin(), WEIR_BROKER);
    words.insert(words.end(), {"--data", scene_.path(data)});
    return in_runtime_dir(program(std::move(words)));
  }
  static CommandOptions program(std::vector<std::string> words) {
    CommandOptions options;
    options.argv = std::move(words);
    return options;
  }
  CommandOptions weirctl(std::vector<std::string> words) {
    return in_runtime_dir(scene_.weirctl(std::move(words)));
  }
  CommandOptions in_runtime_dir(CommandOptions options) {
    options.environment.push_back("XDG_RUNTIME_DIR=" + runtime_dir_);
    options.environment.push_back("HOME=" + scene_.folder());
    return options;
  }
  static bool listens(const Command& command) {
    return wait_until(
        [&] { return command.err_so_far().find("listens at ") != std::string::npos; });
  }
  // What stands behind "listens at ".
  static std::string endpoint_of(const Command& command) {
    const std::string log = command.err_so_far();
    const std::string mark = "listens at ";
    const size_t from = log.find(mark) + mark.size();
    return log.substr(from, log.find('\n', from) - from);
  }
  static mode_t mode_of(const std::string& path) {
    struct stat info {};
    return ::lstat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
  }

  Scene scene_;
  std::string runtime_dir_;
};

// ---- Local sockets

TEST_F(Daemons, TheDefaultIsALocalSocketForAllOfThem) {
  const std::string control = runtime_dir_ + "/weir/broker/control/socket";
  const std::string agents = runtime_dir_ + "/weir/broker/agent/socket";
  Command broker = scene_.start(this->broker({}));
  ASSERT_TRUE(listens(broker)) << broker.err_so_far();
  EXPECT_NE(broker.err_so_far().find("listens at ipc://" + control), std::string::npos);
  for (const std::string& path : {control, agents}) {
    EXPECT_EQ(mode_of(path), mode_t{0660}) << path;
    EXPECT_EQ(mode_of(fs::path(path).parent_path()), mode_t{0700}) << path;
  }
  Command agent = scene_.start(
      in_runtime_dir(program({WEIR_AGENT, "--name", "alpha", "--data", scene_.path("alpha")})));
  EXPECT_TRUE(wait_until([&] {
    const Outcome list = scene_.run(weirctl({"agent", "list"}));
    return list.out.find("alpha") != std::string::npos;
  })) << agent.err_so_far();
  for (Command* daemon : {&agent, &broker}) {
    daemon->signal(SIGTERM);
    EXPECT_EQ(daemon->wait().code, 0);
  }
  EXPECT_FALSE(fs::exists(control)) << "it goes with the broker";
  EXPECT_FALSE(fs::exists(agents));
}

TEST_F(Daemons, AFolderMayLetAGroupInAndNobodyElse) {
  const std::string folder = runtime_dir_ + "/weir/broker/control";
  fs::create_directories(folder);
  ASSERT_EQ(::chmod(folder.c_str(), 0755), 0);
  const Outcome refused = scene_.run(broker({}));
  EXPECT_EQ(refused.code, 2);
  EXPECT_NE(refused.err.find("'chmod g-w,o= " + folder + "'"), std::string::npos) << refused.err;
  ASSERT_EQ(::chmod(folder.c_str(), 0750), 0);
  Command taken = scene_.start(broker({}));
  EXPECT_TRUE(listens(taken)) << taken.err_so_far();
  EXPECT_EQ(mode_of(folder), mode_t{0750});
}

TEST_F(Daemons, AFileWhereTheSocketShouldBeStays) {
  const std::string path = scene_.write("precious", "data\n");
  const Outcome refused = scene_.run(broker({"--listen", "ipc://" + path}));
  EXPECT_EQ(refused.code, 2);
  EXPECT_NE(refused.err.find(path + " is there and is not a socket"), std::string::npos)
      << refused.err;
  EXPECT_EQ(scene_.read("precious"), "data\n");
}

TEST_F(Daemons, ALivingBrokersSocketIsAConflictAndADeadOnesIsReplaced) {
  const std::string endpoint = "ipc://" + scene_.path("socket");
  Command first = scene_.start(broker({"--listen", endpoint}));
  ASSERT_TRUE(listens(first));
  const Outcome second = scene_.run(broker({"--listen", endpoint}, "other"));
  EXPECT_EQ(second.code, 6);
  EXPECT_NE(second.err.find("another process listens at " + scene_.path("socket")),
            std::string::npos)
      << second.err;
  EXPECT_EQ(scene_.run(weirctl({"status", "--broker", endpoint})).code, 0) << "it goes on";
  first.signal(SIGKILL);
  first.wait();
  EXPECT_TRUE(fs::exists(scene_.path("socket")));
  Command next = scene_.start(broker({"--listen", endpoint}));
  ASSERT_TRUE(listens(next)) << next.err_so_far();
  EXPECT_EQ(scene_.run(weirctl({"status", "--broker", endpoint})).code, 0);
  next.signal(SIGTERM);
  EXPECT_EQ(next.wait().code, 0);
  EXPECT_FALSE(fs::exists(scene_.path("socket")));
}

TEST_F(Daemons, APortInUseAndADataFolderInUseAreConflicts) {
  Command first = scene_.start(broker({"--listen", "tcp://127.0.0.1:*"}));
  ASSERT_TRUE(listens(first));
  const Outcome port = scene_.run(broker({"--listen", endpoint_of(first)}, "other"));
  EXPECT_EQ(port.code, 6) << port.err;
  const Outcome data = scene_.run(broker({"--listen", "tcp://127.0.0.1:*"}));
  EXPECT_EQ(data.code, 6) << data.err;
}

// ---- Names

TEST_F(Daemons, LocalhostIsThisHost) {
  Command broker = scene_.start(this->broker({"--listen", "tcp://localhost:*"}));
  ASSERT_TRUE(listens(broker)) << broker.err_so_far();
  const std::string endpoint = endpoint_of(broker);
  const std::string port = endpoint.substr(endpoint.rfind(':'));
  const Outcome status = scene_.run(weirctl({"status", "--broker", "tcp://localhost" + port}));
  EXPECT_EQ(status.code, 0) << status.err;
  Command agent = scene_.start(
      in_runtime_dir(program({WEIR_AGENT, "--name", "alpha", "--data", scene_.path("alpha"),
                              "--broker", "tcp://localhost" + port})));
  EXPECT_TRUE(wait_until([&] { return agent.err_so_far().find(" answers") != std::string::npos; }))
      << agent.err_so_far();
}

TEST_F(Daemons, WhoeverIsNotReachedIsToldWhyAndARefusalAtOnce) {
  const auto status = [&](const std::string& endpoint) {
    return scene_.run(weirctl({"status", "--broker", endpoint}));
  };
  const auto begun = Clock::now();
  const Outcome unresolved = status("tcp://no-such-host.invalid:7700");
  EXPECT_EQ(unresolved.code, 4);
  EXPECT_NE(unresolved.err.find("cannot resolve the name 'no-such-host.invalid'"),
            std::string::npos)
      << unresolved.err;
  const Outcome nothing = status("ipc://" + scene_.path("nothing"));
  EXPECT_EQ(nothing.code, 4);
  EXPECT_NE(nothing.err.find("there is no such socket"), std::string::npos) << nothing.err;

  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* at = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(fd.get(), at, size), 0);
  ASSERT_EQ(::getsockname(fd.get(), at, &size), 0);
  const std::string endpoint = "tcp://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  const Outcome refused = status(endpoint);
  EXPECT_EQ(refused.code, 4);
  EXPECT_NE(refused.err.find(endpoint + " refuses the connection"), std::string::npos)
      << refused.err;
  EXPECT_LT(Clock::now() - begun, kAtOnce) << "none of them is waited for";

  // The kernel accepts in the name of a process that says nothing.
  ASSERT_EQ(::listen(fd.get(), 8), 0);
  const Outcome silent = status(endpoint);
  EXPECT_EQ(silent.code, 4);
  EXPECT_NE(silent.err.find(endpoint + " is silent"), std::string::npos) << silent.err;
}

TEST_F(Daemons, AnAgentSaysWhyItDoesNotReachItsBrokerAndGoesOnTrying) {
  const std::string endpoint = "ipc://" + scene_.path("socket");
  Command agent = scene_.start(in_runtime_dir(program(
      {WEIR_AGENT, "--name", "alpha", "--data", scene_.path("alpha"), "--broker", endpoint})));
  EXPECT_TRUE(wait_until([&] {
    return agent.err_so_far().find("no broker answers at " + endpoint + ": " + endpoint +
                                   ": there is no such socket") != std::string::npos;
  })) << agent.err_so_far();
  Command broker = scene_.start(this->broker({"--listen", endpoint}));
  EXPECT_TRUE(wait_until([&] {
    return agent.err_so_far().find("the broker at " + endpoint + " answers") != std::string::npos;
  })) << agent.err_so_far();
}

// ---- What is theirs alone

TEST_F(Daemons, StateIsNobodyElses) {
  Command broker = scene_.start(this->broker({}));
  ASSERT_TRUE(listens(broker));
  for (const auto& entry : fs::recursive_directory_iterator(scene_.path("broker"))) {
    EXPECT_EQ(mode_of(entry.path()) & 077, mode_t{0}) << entry.path();
  }
  EXPECT_EQ(mode_of(scene_.path("broker")), mode_t{0700});
}

TEST_F(Daemons, AStateFolderThatOthersReadIsRefusedWithTheRemedy) {
  const std::string folder = scene_.make_folder("open");
  ASSERT_EQ(::chmod(folder.c_str(), 0755), 0);
  const std::string remedy = "'chmod go= " + folder + "'";
  const Outcome broker = scene_.run(this->broker({}, "open"));
  EXPECT_EQ(broker.code, 2);
  EXPECT_NE(broker.err.find(remedy), std::string::npos) << broker.err;
  const Outcome agent =
      scene_.run(in_runtime_dir(program({WEIR_AGENT, "--name", "alpha", "--data", folder})));
  EXPECT_EQ(agent.code, 2);
  EXPECT_NE(agent.err.find(remedy), std::string::npos) << agent.err;
  EXPECT_TRUE(fs::is_empty(folder)) << "nothing was written there";
}

// ---- Signals

TEST_F(Daemons, CtrlCEndsThemAsTermDoes) {
  Command broker = scene_.start(this->broker({}));
  ASSERT_TRUE(listens(broker));
  Command agent = scene_.start(
      in_runtime_dir(program({WEIR_AGENT, "--name", "alpha", "--data", scene_.path("alpha")})));
  ASSERT_TRUE(wait_until([&] { return agent.err_so_far().find(" answers") != std::string::npos; }));
  for (Command* daemon : {&agent, &broker}) {
    daemon->signal(SIGINT);
    const Outcome ended = daemon->wait(kWaitLimit);
    EXPECT_TRUE(ended.in_time);
    EXPECT_EQ(ended.code, 0) << ended.err;
  }
  EXPECT_FALSE(fs::exists(runtime_dir_ + "/weir/broker/control/socket"));
}

}  // namespace
}  // namespace weir::e2e
