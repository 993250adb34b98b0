// The broker as a process: one socket for agents and weirctl, the store, the contents of actions,
// a clock, and the core that decides. Owns all of them. Loop thread.
//
// Contents do not go through the core: it says which are in use, and hears of a put when all of
// the content is there.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/core/broker.h"
#include "broker/shell/prober.h"
#include "broker/store/store.h"
#include "schema/content/store.h"
#include "schema/runtime/loop.h"
#include "schema/runtime/zmq_socket.h"

namespace weir::broker {

class BrokerShell {
 public:
  // Recovers the state, then binds `listen`. `actions`: the folder for their contents.
  static Result<std::unique_ptr<BrokerShell>> create(runtime::Loop& loop,
                                                     runtime::ZmqContext& context,
                                                     std::unique_ptr<Store> store,
                                                     const std::string& actions,
                                                     const std::string& listen);
  BrokerShell(const BrokerShell&) = delete;
  BrokerShell& operator=(const BrokerShell&) = delete;
  ~BrokerShell();

  // With the real port.
  const std::string& endpoint() const { return endpoint_; }
  // The store said no: the loop was stopped, and the process must end (B2).
  bool failed() const { return failed_; }

 private:
  BrokerShell(runtime::Loop& loop, std::unique_ptr<Store> store, content::Store contents,
              BrokerCore core, runtime::ZmqSocket socket);

  void receive_some();
  void take(const std::vector<runtime::Message>& parts);
  // What is asked of the contents; none if it is for the core.
  std::optional<wire::Message> answer(const wire::Message& message);
  Result<wire::Message> wanted(const wire::ActionPut& put);
  void tick();
  void remove_unused_contents();
  void carry_out(const Effects& effects);
  void send(const std::string& peer, const wire::Envelope& envelope);

  runtime::Loop& loop_;
  std::unique_ptr<Store> store_;
  content::Store contents_;
  BrokerCore core_;
  runtime::ZmqSocket socket_;
  Prober prober_;
  std::string endpoint_;
  bool failed_ = false;
  runtime::WatchId watch_{};
  runtime::TimerId timer_{};
};

}  // namespace weir::broker
