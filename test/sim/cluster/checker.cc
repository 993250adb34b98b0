#include "test/sim/cluster/checker.h"

#include <algorithm>
#include <vector>

#include "test/sim/cluster/cluster.h"
#include "test/sim/cluster/wrapper_process.h"

namespace weir::sim {
namespace {

std::string text(const Incarnation& of) {
  return std::to_string(of.term) + "." + std::to_string(of.boot);
}

std::string lane_of(const wire::StartOrder& order) {
  return order.pipeline + "/" + wire::lane_name(order.node.name, order.instance);
}

}  // namespace

void Checker::accepted(const wire::StartOrder& order, uint64_t number) {
  accepted_[{order.pipeline, order.node.name}].insert(number);
  ++accepted_count_;
  cluster_.trace(order.name() + " accepts " + std::to_string(number));
  // One that nobody could tell that its pipeline was removed.
  const auto removed = removed_terms_.find(lane_of(order));
  if (removed != removed_terms_.end() && order.term <= removed->second) {
    may_be_lost_.insert(number);
  }
  // R8: one that begins anew after that may find that its readers have ended already.
  const auto ended = ended_terms_.find(lane_of(order));
  if (ended != ended_terms_.end() && order.term > ended->second) may_be_lost_.insert(number);
}

void Checker::log_is_gone(const HostLog& log) {
  std::set<uint64_t>& lost =
      log.portable && !cluster_.ended_early() ? written_again_ : may_be_lost_;
  for (const auto& [id, number] : log.accepted) {
    if (id > log.settled) lost.insert(number);
  }
}

// No program is started elsewhere that would write again what is gone.
void Checker::ended_early() {
  ended_terms_ = highest_term_;
  may_be_lost_.merge(written_again_);
}

// What comes from outside comes once; other sources write all of it again, if they have the time.
void Checker::removed() {
  for (const auto& [node, numbers] : accepted_) {
    const bool once = cluster_.node_plan(node.first, node.second).behaviour == Behaviour::kFeed;
    (once ? may_be_lost_ : removed_).insert(numbers.begin(), numbers.end());
  }
  removed_terms_ = highest_term_;
  listened_to_.clear();
}

void Checker::ordered(const broker::BrokerCore& core, const std::string& peer,
                      const wire::AgentOrders& orders) {
  std::string agent;
  for (const auto& [name, each] : core.state().agents) {
    if (each.peer == peer) agent = name + "/" + core.state().identities.at(name).text;
  }
  for (const wire::StartOrder& order : orders.start) {
    const std::string lane = lane_of(order);
    // R8: one that is to end starts no program elsewhere, and is drained like any other.
    if (order.drained_term != 0 && order.node.portable && !cluster_.ended_early()) {
      cluster_.fail(lane + " of " + agent + " is drained although it is portable");
    }
    const auto [known, is_new] = terms_.emplace(std::pair{lane, order.term}, agent);
    if (!is_new && known->second != agent && terms_are_known_) {
      cluster_.fail("term " + std::to_string(order.term) + " of " + lane + " is given to " +
                    known->second + " and to " + agent);
    }
    highest_term_[lane] = std::max(highest_term_[lane], order.term);
  }
}

void Checker::fenced(const wire::StartOrder& order, uint64_t term) {
  if (!terms_are_known_ || term <= highest_term_[lane_of(order)]) return;
  cluster_.fail(lane_of(order) + " is fenced by term " + std::to_string(term) +
                " that nobody gave");
}

void Checker::welcomed(const WrapperProcess& reader, size_t input, const Incarnation& seen) {
  const std::string& lane = reader.node()->inputs()[input].name;
  Incarnation& known = listened_to_[{reader.order().log_dir, lane}];
  if (seen.compare(known) < 0) {
    cluster_.fail(reader.name() + " welcomes " + lane + " of " + text(seen) +
                  " although it has listened to " + text(known));
  }
  known = seen;
}

void Checker::taken(const WrapperProcess& reader, size_t input, const wire::BlockHeader& header,
                    const std::string& route) {
  const std::string& lane = reader.node()->inputs()[input].name;
  Incarnation& known = listened_to_[{reader.order().log_dir, lane}];
  const Incarnation& writer = writers_[route];
  if (writer.compare(known) < 0) {
    cluster_.fail(reader.name() + " takes a block from " + lane + " of " + text(writer) +
                  " although it has listened to " + text(known));
  }
  if (header.of.compare(writer) > 0) {
    cluster_.fail(lane + " of " + text(writer) + " sends what " + text(header.of) + " wrote");
  }
  known = writer;
}

void Checker::log_was_lost(const std::string& folder) {
  std::erase_if(listened_to_, [&](const auto& entry) { return entry.first.first == folder; });
}

// What comes into a node, or out of it, if each record is seen once.
Checker::Numbers Checker::expected_at(const std::string& pipeline, size_t index) const {
  const ClusterPlan& plan = cluster_.plan();
  const NodePlan& node = plan.nodes[index];
  Numbers in;
  bool source = true;
  for (const auto& [from, to] : plan.edges) {
    if (to != index) continue;
    source = false;
    const Numbers part = expected_at(pipeline, from);
    in.insert(part.begin(), part.end());
  }
  if (source) {
    const Feed& feed = *cluster_.node_past(pipeline, node.spec.name).feed;
    if (node.behaviour == Behaviour::kFeed || cluster_.ended_early()) {
      const auto found = accepted_.find({pipeline, node.spec.name});
      if (found != accepted_.end()) in.insert(found->second.begin(), found->second.end());
    } else {
      for (uint64_t i = 0; i < feed.count; ++i) in.insert(feed.first + i);
    }
    return in;
  }
  Numbers out;
  for (const uint64_t number : in) {
    if (node.behaviour == Behaviour::kEven && number % 2 != 0) continue;
    out.insert(number);
    if (node.behaviour == Behaviour::kTwice) out.insert(number);
  }
  return out;
}

const NodePlan* Checker::head_before(size_t index) const {
  const ClusterPlan& plan = cluster_.plan();
  for (const auto& [from, to] : plan.edges) {
    if (to == index && plan.nodes[from].behaviour == Behaviour::kHead) return &plan.nodes[from];
  }
  return nullptr;
}

// R8: of what there was it is the first records, as many as it wants; others, or some twice, where
// a log was lost, but not fewer.
void Checker::check_head(const NodePlan& head, const Numbers& in,
                         const std::vector<uint64_t>& got) {
  const std::set<uint64_t> came(got.begin(), got.end());
  for (const uint64_t number : came) {
    if (!in.contains(number)) cluster_.fail("nobody wrote " + std::to_string(number));
  }
  const auto is_certain = [&](uint64_t number) { return !may_be_lost_.contains(number); };
  const auto certain = static_cast<uint64_t>(std::count_if(in.begin(), in.end(), is_certain));
  const uint64_t least = std::min(head.count, certain);
  const std::string text =
      head.spec.name + " of " + std::to_string(head.count) + " gave " + std::to_string(got.size());
  if (got.size() < least) cluster_.fail(text + ", and there were " + std::to_string(certain));
  if (cluster_.logs_were_lost()) return;
  const size_t exact = std::min<size_t>(head.count, in.size());
  if (got.size() != exact || !std::equal(got.begin(), got.end(), in.begin())) {
    cluster_.fail(text + ", not the first " + std::to_string(exact) + ", although no log was lost");
  }
}

void Checker::check_end() {
  const ClusterPlan& plan = cluster_.plan();
  if (cluster_.ended_early()) may_be_lost_.insert(removed_.begin(), removed_.end());
  for (size_t i = 0; i < plan.nodes.size(); ++i) {
    if (plan.nodes[i].behaviour != Behaviour::kFile) continue;
    const std::string& name = plan.nodes[i].spec.name;
    const Numbers expected = expected_at(kPipeline, i);
    std::vector<uint64_t> got;
    for (const auto& [unit, numbers] : cluster_.node_past(kPipeline, name).files) {
      got.insert(got.end(), numbers.begin(), numbers.end());
    }
    if (const NodePlan* const head = head_before(i)) {
      check_head(*head, expected, got);
      continue;
    }
    const Numbers all(got.begin(), got.end());
    for (const uint64_t number : std::set<uint64_t>(expected.begin(), expected.end())) {
      if (all.contains(number) || may_be_lost_.contains(number)) continue;
      cluster_.fail(name + ": " + std::to_string(number) + " is lost");
    }
    for (const uint64_t number : std::set<uint64_t>(all.begin(), all.end())) {
      const bool exact = !cluster_.logs_were_lost();
      const size_t times = all.count(number);
      if (!expected.contains(number)) {
        cluster_.fail(name + ": nobody wrote " + std::to_string(number));
      }
      if (!exact || times == expected.count(number)) continue;
      cluster_.fail(name + ": " + std::to_string(number) + " came " + std::to_string(times) +
                    " times although no log was lost");
    }
    if (cluster_.logs_were_lost() || !cluster_.is_chain()) continue;
    if (!std::is_sorted(got.begin(), got.end())) {
      cluster_.fail(name + ": records are out of order although no log was lost");
    }
  }
}

}  // namespace weir::sim
