// Requests to the broker, asked again with the same id until they are answered or their time is up.
//
// Requests is what there is to decide, without a socket. ControlClient owns the DEALER. Thread:
// loop. Nothing survives a crash: the broker keeps the results of requests by their ids.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "schema/runtime/dialer.h"
#include "schema/runtime/loop.h"
#include "schema/runtime/zmq_socket.h"
#include "schema/wire/control.h"

namespace weir::ctl {

using Answer = std::function<void(Result<wire::Message>)>;

class Requests {
 public:
  static constexpr std::chrono::milliseconds kAskAgain{500};

  // `prefix` is unique to this process.
  explicit Requests(std::string prefix) : prefix_(std::move(prefix)) {}

  // Returns the request's bytes, to be sent. Errors: kLimit.
  Result<std::string> add(const wire::Message& message, std::chrono::milliseconds limit,
                          Answer answer, runtime::SteadyTime now);
  // Calls the answer that waits for this; a Refusal comes as an Error. Others are dropped.
  void on_message(wire::Envelope envelope);
  // What is to be sent once more. Calls with kTimeout those whose time is up.
  std::vector<std::string> tick(runtime::SteadyTime now);
  // All of it is to be sent, on a connection that has not seen any.
  std::vector<std::string> on_connection(runtime::SteadyTime now);
  bool empty() const { return waiting_.empty(); }
  // Nobody wants the answers any more; nothing is called.
  void clear() { waiting_.clear(); }

 private:
  struct Waiting {
    std::string bytes;
    Answer answer;
    runtime::SteadyTime asked_at;
    runtime::SteadyTime give_up_at;
  };
  std::string prefix_;
  uint64_t next_ = 1;
  std::map<std::string, Waiting> waiting_;
};

class ControlClient {
 public:
  ControlClient(runtime::Loop& loop, runtime::ZmqContext& context, std::string request_prefix);
  ~ControlClient();

  // Begins to connect, and goes on trying.
  void connect(const std::string& endpoint);
  void ask(const wire::Message& message, std::chrono::milliseconds limit, const Answer& answer);
  void forget_all() { requests_.clear(); }
  // Anything at all, since this client was made.
  bool has_heard() const { return has_heard_; }
  // Why there is no connection, as far as is known by now.
  const std::optional<Error>& failure() const { return failure_; }

 private:
  // A DEALER does not always come back by itself (a broken connection during the handshake, say).
  static constexpr std::chrono::milliseconds kSilenceMax{3000};
  static constexpr std::chrono::milliseconds kDialLimit{5000};
  // The pause doubles: a broker that is being started is there in a moment.
  static constexpr std::chrono::milliseconds kDialPauseFirst{5};
  static constexpr std::chrono::milliseconds kDialPauseMax{100};

  void dial();
  Status open(const std::string& endpoint);
  void receive();
  void tick();
  void send(const std::string& bytes);

  runtime::Loop& loop_;
  runtime::ZmqContext& context_;
  Requests requests_;
  std::string endpoint_;
  runtime::Dialer dialer_;
  runtime::TimerId dial_timer_ = runtime::TimerId::kNone;
  std::chrono::milliseconds dial_pause_ = kDialPauseFirst;
  std::optional<Error> failure_;
  std::optional<runtime::ZmqSocket> socket_;
  runtime::WatchId watch_ = runtime::WatchId::kNone;
  runtime::TimerId timer_ = runtime::TimerId::kNone;
  runtime::SteadyTime heard_at_{};
  bool has_heard_ = false;
};

}  // namespace weir::ctl
