// The broker as a process: a socket for each endpoint at which agents and weirctl connect, the
// store, the contents of actions, a clock, and the core that decides. Owns all of them. Loop
// thread.
//
// Contents do not go through the core: it says which are in use, and hears of a put when all of
// the content is there.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/core/broker.h"
#include "broker/shell/contents.h"
#include "broker/store/store.h"
#include "schema/runtime/loop.h"
#include "schema/runtime/prober.h"
#include "schema/runtime/zmq_socket.h"

namespace weir::broker {

class BrokerShell {
 public:
  // Recovers the state, then binds all of `listen`, numbers for hosts. `actions`: the folder for
  // their contents.
  static Result<std::unique_ptr<BrokerShell>> create(runtime::Loop& loop,
                                                     runtime::ZmqContext& context,
                                                     std::unique_ptr<Store> store,
                                                     const std::string& actions,
                                                     const std::vector<std::string>& listen);
  BrokerShell(const BrokerShell&) = delete;
  BrokerShell& operator=(const BrokerShell&) = delete;
  ~BrokerShell();

  // With the real ports.
  std::vector<std::string> endpoints() const;
  // The store said no: the loop was stopped, and the process must end (B2).
  bool failed() const { return failed_; }

 private:
  // A socket of its own for each endpoint: what a peer may do can follow from where it came in. The
  // core's name of a peer is the listener's number, one byte, and the routing id in that socket.
  struct Listener {
    runtime::ZmqSocket socket;
    std::string endpoint;
    runtime::WatchId watch{};
  };

  BrokerShell(runtime::Loop& loop, std::unique_ptr<Store> store, std::unique_ptr<Contents> contents,
              BrokerCore core);

  Status listen(runtime::ZmqContext& context, const std::string& endpoint);
  void receive_some(size_t listener);
  void take(size_t listener, const std::vector<runtime::Message>& parts);
  // What is asked of the contents, if it is; false: it is for the core.
  bool ask_contents(const std::string& peer, wire::Envelope& envelope);
  void on_put(const std::string& peer, wire::Envelope envelope);
  void answer(const std::string& peer, const std::string& request, Result<wire::Message> message);
  void tick();
  void carry_out(const Effects& effects);
  void send(const std::string& peer, const wire::Envelope& envelope);

  runtime::Loop& loop_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Contents> contents_;
  BrokerCore core_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  runtime::Prober prober_;
  bool failed_ = false;
  runtime::TimerId timer_{};
};

}  // namespace weir::broker
