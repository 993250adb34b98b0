#include "test/sim/cluster/edge_link.h"

#include "test/sim/cluster/cluster.h"
#include "test/sim/cluster/wrapper_process.h"

namespace weir::sim {
namespace {

constexpr size_t kQueueMax = 60;

}  // namespace

EdgeLink::EdgeLink(Cluster& cluster, WrapperProcess& writer, size_t reader, std::string endpoint)
    : cluster_(cluster), writer_(&writer), index_(reader), endpoint_(std::move(endpoint)) {}

void EdgeLink::open() { try_to_connect(); }

void EdgeLink::close() {
  writer_ = nullptr;
  down_.clear();
  up_.clear();
}

WrapperProcess* EdgeLink::reader() {
  return reader_pid_ == 0 ? nullptr : cluster_.process(reader_pid_);
}

void EdgeLink::try_to_connect() {
  if (writer_ == nullptr || reader_pid_ != 0) return;
  WrapperProcess* const there = cluster_.listening(endpoint_);
  if (there != nullptr && !there->stopped() && !writer_->stopped() &&
      cluster_.network().both_open(writer_->place(), there->place())) {
    reader_pid_ = there->pid();
    route_ = cluster_.new_name("route");
    there->accept(route_, shared_from_this());
    plan_next(true);
    return;
  }
  cluster_.scheduler().after(milliseconds(20 + cluster_.pick(130)), [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->try_to_connect();
  });
}

bool EdgeLink::send(EdgeMessage message) {
  const bool block = std::holds_alternative<wire::Block>(message);
  if (down_.size() > kQueueMax && block) return false;
  if (down_.size() > 2 * kQueueMax) return false;
  down_.push_back(std::move(message));
  plan_next(true);
  return true;
}

void EdgeLink::answer(const edge::Frame& frame) {
  up_.push_back(frame);
  plan_next(false);
}

void EdgeLink::plan_next(bool down) {
  bool& planned = down ? down_planned_ : up_planned_;
  if (planned || reader_pid_ == 0 || (down ? down_.empty() : up_.empty())) return;
  planned = true;
  cluster_.scheduler().after(cluster_.delay(), [weak = weak_from_this(), down] {
    if (const auto self = weak.lock()) self->pass_on(down);
  });
}

// The next message, if it can come over now: else it waits where it is.
void EdgeLink::pass_on(bool down) {
  (down ? down_planned_ : up_planned_) = false;
  if (writer_ == nullptr || reader_pid_ == 0 || (down ? down_.empty() : up_.empty())) return;
  WrapperProcess* const there = reader();
  if (there == nullptr) return broke();
  const size_t from = down ? writer_->place() : there->place();
  const size_t to = down ? there->place() : writer_->place();
  const bool stopped = down ? there->stopped() : writer_->stopped();
  if (stopped || !cluster_.network().open(from, to)) {
    bool& planned = down ? down_planned_ : up_planned_;
    planned = true;
    cluster_.scheduler().after(milliseconds(20 + cluster_.pick(80)),
                               [weak = weak_from_this(), down] {
                                 if (const auto self = weak.lock()) self->pass_on(down);
                               });
    return;
  }
  // Whoever is told may close this.
  const auto self = shared_from_this();
  for (uint64_t i = 1 + cluster_.pick(4); i > 0; --i) {
    if (writer_ == nullptr || reader_pid_ == 0) return;
    if (down) {
      if (down_.empty()) return;
      const EdgeMessage message = std::move(down_.front());
      down_.pop_front();
      there->on_lane_message(route_, message);
    } else {
      if (up_.empty()) return;
      const edge::Frame frame = std::move(up_.front());
      up_.pop_front();
      writer_->on_reader_frame(index_, frame);
    }
  }
  plan_next(down);
}

void EdgeLink::broke() {
  if (reader_pid_ == 0) return;
  if (WrapperProcess* const there = reader(); there != nullptr) there->forget_route(route_);
  reader_pid_ = 0;
  up_.clear();
  for (uint64_t lost = cluster_.pick(down_.size() + 1); lost > 0; --lost) down_.pop_front();
  try_to_connect();
}

}  // namespace weir::sim
