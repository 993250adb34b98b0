// The real broker, over a socket. Everything blocks; signals end what is waited for, and are what
// they always are in between.
//
// Owns loop, context and socket. Thread: the one that made it. Nothing survives a crash: the broker
// keeps the results of requests by their ids.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "ctl/client/broker.h"
#include "ctl/client/control_client.h"
#include "schema/runtime/signals.h"

namespace weir::ctl {

class ZmqBroker : public Broker {
 public:
  // Whether somebody is there shows when it is asked.
  static Result<std::unique_ptr<Broker>> connect(const std::string& endpoint);

  std::vector<Result<wire::Message>> ask_all(std::vector<wire::Message> questions,
                                             std::chrono::milliseconds limit) override;
  bool pause(std::chrono::milliseconds duration) override;
  Time now() const override { return std::chrono::steady_clock::now(); }
  int signal() const override { return signal_; }
  bool reached() const override { return client_->has_heard(); }

 private:
  ZmqBroker() = default;
  Status open(const std::string& endpoint);

  runtime::Loop loop_;
  std::optional<runtime::SignalWatch> signals_;
  std::optional<runtime::ZmqContext> context_;  // Its threads begin after the signals are watched.
  std::optional<ControlClient> client_;
  int signal_ = 0;
};

}  // namespace weir::ctl
