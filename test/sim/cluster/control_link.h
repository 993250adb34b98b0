// A DEALER towards the broker, an agent's or weirctl's: like EdgeLink, but what cannot be sent now
// is not sent.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "schema/wire/control.h"
#include "test/sim/cluster/scheduler.h"

namespace weir::sim {

class Cluster;

class ControlLink : public std::enable_shared_from_this<ControlLink> {
 public:
  using OnAnswer = std::function<void(const wire::Envelope&)>;

  // `client` must outlive it or close it.
  ControlLink(Cluster& cluster, size_t place, Process& client, OnAnswer on_answer);
  void open() { try_to_connect(); }
  void close();

  // False: nobody is connected.
  bool send(const wire::Envelope& envelope);
  // From the broker.
  void answer(const wire::Envelope& envelope);
  void broke();

 private:
  void try_to_connect();
  void plan_next(bool up, Duration delay);
  void pass_on(bool up);

  Cluster& cluster_;
  size_t place_;
  Process* client_;  // Null: closed.
  OnAnswer on_answer_;
  std::string peer_;               // Empty: not connected.
  std::deque<wire::Envelope> up_;  // To the broker.
  std::deque<wire::Envelope> down_;
  bool up_planned_ = false;
  bool down_planned_ = false;
};

}  // namespace weir::sim
