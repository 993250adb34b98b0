#include "broker/core/order_feed.h"

#include <algorithm>
#include <utility>

namespace weir::broker {
namespace {

wire::InstanceKey first_of(const std::string& pipeline) { return {pipeline, "", 0, 0}; }

}  // namespace

void OrderFeed::want_one(const wire::InstanceKey& key, Order order) {
  Wanted& known = wanted_[key];
  const bool is_new = known.sent == 0 && !unsent_.contains(key);
  if (!is_new && known.order == order) return;
  known.order = std::move(order);
  known.sent = 0;
  unsent_.insert(key);
}

void OrderFeed::want(const std::string& pipeline, wire::AgentOrders orders) {
  std::set<wire::InstanceKey> now;
  for (wire::StartOrder& start : orders.start) {
    const wire::InstanceKey key = wire::key_of(start);
    now.insert(key);
    want_one(key, Order{Kind::kStart, std::move(start)});
  }
  for (const wire::InstanceKey& key : orders.stop) {
    now.insert(key);
    want_one(key, Order{Kind::kStop, std::nullopt});
  }
  for (const wire::InstanceKey& key : orders.remove) {
    now.insert(key);
    want_one(key, Order{Kind::kRemove, std::nullopt});
  }
  for (auto at = wanted_.lower_bound(first_of(pipeline));
       at != wanted_.end() && at->first.pipeline == pipeline;) {
    if (now.contains(at->first)) {
      ++at;
      continue;
    }
    unsent_.erase(at->first);
    at = wanted_.erase(at);
  }
}

std::set<std::string> OrderFeed::pipelines() const {
  std::set<std::string> names;
  for (auto at = wanted_.begin(); at != wanted_.end();) {
    names.insert(at->first.pipeline);
    at = wanted_.lower_bound(first_of(at->first.pipeline + '\0'));
  }
  return names;
}

void OrderFeed::begin_anew() {
  last_ = obeyed_ = 0;
  ahead_.clear();
  for (auto& [key, wanted] : wanted_) {
    wanted.sent = 0;
    unsent_.insert(key);
  }
}

bool OrderFeed::on_report(uint64_t version, SteadyTime now) {
  if (last_ == 0) return false;
  const auto found = std::find(ahead_.begin(), ahead_.end(), version);
  const bool news = found != ahead_.end();
  if (news) {
    ahead_.erase(ahead_.begin(), found + 1);
    obeyed_ = version;
    progress_ = now;
  }
  // What it had obeyed before all was said anew says nothing.
  const bool is_old = version != 0 && version < first_;
  // It has lost something: by what it says, or because it does not go on.
  const bool out_of_step = !is_old && version != obeyed_;
  const bool stands = !ahead_.empty() && now - progress_ >= kObeyedWithin;
  if (out_of_step || stands) begin_anew();
  return news || out_of_step || stands;
}

std::optional<wire::AgentOrders> OrderFeed::next(uint64_t version, SteadyTime now) {
  if (ahead_.size() >= kAheadMax || (unsent_.empty() && last_ != 0)) return std::nullopt;
  wire::AgentOrders orders;
  size_t bytes = 0;
  while (!unsent_.empty()) {
    const wire::InstanceKey key = *unsent_.begin();
    Wanted& wanted = wanted_.at(key);
    const size_t size = wanted.order.start ? wire::encode_order(*wanted.order.start).size()
                                           : key.pipeline.size() + key.node.size() + 64;
    if (bytes > 0 && bytes + size > wire::kPartBytesMax) break;
    bytes += size;
    if (wanted.order.kind == Kind::kStart) {
      orders.start.push_back(*wanted.order.start);
    } else {
      (wanted.order.kind == Kind::kStop ? orders.stop : orders.remove).push_back(key);
    }
    wanted.sent = version;
    unsent_.erase(unsent_.begin());
  }
  orders.version = version;
  orders.base = last_;
  if (last_ == 0) first_ = version;
  last_ = version;
  if (ahead_.empty()) progress_ = now;
  ahead_.push_back(version);
  return orders;
}

std::vector<wire::InstanceKey> OrderFeed::obeyed(Kind kind) const {
  std::vector<wire::InstanceKey> keys;
  for (const auto& [key, wanted] : wanted_) {
    if (wanted.order.kind == kind && wanted.sent != 0 && wanted.sent <= obeyed_) {
      keys.push_back(key);
    }
  }
  return keys;
}

}  // namespace weir::broker
