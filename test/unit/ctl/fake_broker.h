// A broker for tests of commands: what it answers is a function, and time passes when it is waited
// for.
#pragma once

#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "ctl/cli/program.h"
#include "ctl/client/broker.h"
#include "ctl/commands/registry.h"

namespace weir::ctl {

struct FakeWorld {
  // Answers; an Error stands for a refusal, or for what the connection makes of silence.
  std::function<Result<wire::Message>(const wire::Message& question)> answer =
      [](const wire::Message&) -> Result<wire::Message> { return wire::Message(wire::Ok{}); };
  std::function<void()> on_pause = [] {};
  std::vector<wire::Message> asked;
  Broker::Time now{};
  int signal = 0;
  bool reached = true;
  std::string endpoint;  // That was connected to.

  // How many questions of this kind there were.
  template <typename T>
  size_t count() const {
    size_t n = 0;
    for (const wire::Message& message : asked) n += std::holds_alternative<T>(message) ? 1 : 0;
    return n;
  }
};

class FakeBroker : public Broker {
 public:
  explicit FakeBroker(FakeWorld& world) : world_(world) {}

  std::vector<Result<wire::Message>> ask_all(std::vector<wire::Message> questions,
                                             std::chrono::milliseconds /*limit*/) override {
    std::vector<Result<wire::Message>> answers;
    for (const wire::Message& question : questions) {
      world_.asked.push_back(question);
      answers.push_back(world_.answer(question));
    }
    return answers;
  }
  bool pause(std::chrono::milliseconds duration) override {
    world_.now += duration;
    world_.on_pause();
    return world_.signal == 0;
  }
  Time now() const override { return world_.now; }
  int signal() const override { return world_.signal; }
  bool reached() const override { return world_.reached; }

 private:
  FakeWorld& world_;
};

// weirctl with that broker, run in this process.
struct FakeRun {
  int code = -1;
  std::string out;
  std::string err;
};

inline FakeRun run_with(FakeWorld& world, std::vector<std::string> arguments,
                        const std::string& stdin_text = "", const std::string& environment = "") {
  std::istringstream in(stdin_text);
  std::ostringstream out;
  std::ostringstream err;
  System system;
  system.environment = [&](const char* name) {
    if (std::string(name) == "XDG_RUNTIME_DIR") return std::string("/run/user/1");
    return std::string(name) == "WEIR_BROKER" ? environment : "";
  };
  system.connect = [&](const std::string& endpoint) -> Result<std::unique_ptr<Broker>> {
    world.endpoint = endpoint;
    return std::unique_ptr<Broker>(std::make_unique<FakeBroker>(world));
  };
  Program program({in, out, err}, std::move(system));
  add_all_commands(program);
  const int code = program.run(std::move(arguments));
  return {code, out.str(), err.str()};
}

}  // namespace weir::ctl
