#include "test/sim/cluster/operator.h"

#include "test/sim/cluster/cluster.h"

namespace weir::sim {

Operator::Operator(Cluster& cluster)
    : Process(cluster.scheduler()),
      cluster_(cluster),
      link_(std::make_shared<ControlLink>(
          cluster, cluster.operator_place(), *this,
          [this](const wire::Envelope& envelope) { on_answer(envelope); })) {
  link_->open();
}

Operator::~Operator() { link_->close(); }

void Operator::ask(wire::Message question, Then then) {
  questions_.emplace_back(std::move(question), std::move(then));
  if (request_.empty()) begin_next();
}

void Operator::begin_next() {
  if (questions_.empty()) return;
  request_ = cluster_.new_name("request");
  say();
}

void Operator::say() {
  const std::string request = request_;
  const wire::Envelope envelope{request, questions_.front().first};
  const bool sent = link_->send(envelope);
  // Now and then twice, as after a broken connection.
  if (sent && cluster_.pick(8) == 0) (void)link_->send(envelope);
  later(milliseconds(sent ? 1000 + cluster_.pick(1000) : 100), [this, request] {
    if (request == request_) say();
  });
}

void Operator::on_answer(const wire::Envelope& envelope) {
  if (request_.empty() || envelope.request != request_) return;
  request_.clear();
  const Then then = std::move(questions_.front().second);
  questions_.pop_front();
  then(envelope.message);
  if (request_.empty()) begin_next();
}

}  // namespace weir::sim
