// A command's talk with the broker: which one, and with what exit code it ends.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "ctl/cli/program.h"

namespace weir::ctl {

class Session {
 public:
  explicit Session(Program& program) : program_(program) {}

  // Nothing is printed. kInvalid: what was said about the broker makes no sense.
  Status open();

  Broker& broker() { return *broker_; }
  const std::string& endpoint() const { return choice_.endpoint; }

  template <typename T>
  Result<T> ask(wire::Message question) {
    return broker_->ask<T>(std::move(question));
  }

  // Says what went wrong and returns the exit code: 4 if the broker was never heard, 128 + N after
  // signal N, and otherwise what belongs to the error.
  int fail(const Error& error);

 private:
  int fail_not_reached(const std::string& why);

  Program& program_;
  BrokerChoice choice_;
  std::unique_ptr<Broker> broker_;
};

// Opens a session and gives it to the command; returns its exit code.
template <typename Command>
int with_broker(Program& program, Command command) {
  Session session(program);
  if (Status opened = session.open(); !opened) return session.fail(opened.error());
  return command(session);
}

}  // namespace weir::ctl
