// What must hold in a simulated cluster at each moment, and what must have come out at its end.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "broker/core/broker.h"
#include "schema/edge/frames.h"
#include "schema/wire/block.h"
#include "test/sim/cluster/host.h"
#include "test/sim/program.h"

namespace weir::sim {

class Cluster;
class WrapperProcess;

class Checker {
 public:
  explicit Checker(Cluster& cluster) : cluster_(cluster) {}

  // A source's log has this record, synced.
  void accepted(const wire::StartOrder& order, uint64_t number);
  // A log went for ever: what it alone may have held can be lost, but not of a portable source
  // (R5), unless that is to end.
  void log_is_gone(const HostLog& log);
  // The pipeline was removed with all that its logs held.
  void removed();
  // All sources are to end their lanes.
  void ended_early();
  // What a lost host's log held was given up by an operator.
  void abandoned(const HostLog& log) { log_is_gone(log); }

  // No term is given twice.
  void ordered(const broker::BrokerCore& core, const std::string& peer,
               const wire::AgentOrders& orders);
  // The broker's memory is older than what it did.
  void broker_forgot() { terms_are_known_ = false; }
  bool broker_has_forgotten() const { return !terms_are_known_; }

  // Fencing: nothing of an earlier incarnation is taken once a later one was heard.
  void met(const std::string& route, const edge::Hello& hello) { writers_[route] = hello.writer(); }
  // A reader says WELCOME: by then it has synced whom it has seen.
  void welcomed(const WrapperProcess& reader, size_t input, const Incarnation& seen);
  void taken(const WrapperProcess& reader, size_t input, const wire::BlockHeader& header,
             const std::string& route);
  void log_was_lost(const std::string& folder);
  // By a term that somebody was given.
  void fenced(const wire::StartOrder& order, uint64_t term);

  void sent(const wire::Block& block) {
    largest_block_ = std::max<uint64_t>(largest_block_, block.wire_bytes());
  }
  uint64_t largest_block() const { return largest_block_; }

  // All sinks have settled: is everything there that has to be?
  void check_end();

  uint64_t records_accepted() const { return accepted_count_; }

 private:
  using Numbers = std::multiset<uint64_t>;
  Numbers expected_at(const std::string& pipeline, size_t sink) const;
  // The node before it that wants only so many records; null: there is none.
  const NodePlan* head_before(size_t index) const;
  void check_head(const NodePlan& head, const Numbers& in, const std::vector<uint64_t>& got);

  Cluster& cluster_;
  std::map<std::pair<std::string, std::string>, std::set<uint64_t>> accepted_;  // By node.
  uint64_t accepted_count_ = 0;
  std::set<uint64_t> may_be_lost_;
  std::set<uint64_t> written_again_;  // Would be lost, were its source not portable.
  std::set<uint64_t> removed_;        // With their pipeline; their source writes them again.
  std::map<std::pair<std::string, uint64_t>, std::string> terms_;  // By lane and term: the agent.
  std::map<std::string, uint64_t> highest_term_;                   // By lane.
  std::map<std::string, uint64_t> removed_terms_;                  // Likewise, at a removal, and
  std::map<std::string, uint64_t> ended_terms_;                    // when its end was wanted.
  bool terms_are_known_ = true;
  std::map<std::string, Incarnation> writers_;                              // By route.
  std::map<std::pair<std::string, std::string>, Incarnation> listened_to_;  // By log and lane.
  uint64_t largest_block_ = 4096;
};

}  // namespace weir::sim
