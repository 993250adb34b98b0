// A small world in one thread, replayed from one seed: nodes with their logs, programs, the edges
// between them and a sinks' reader, under a virtual clock. What a real shell does in real time
// happens here in an order that the seed chooses; faults come in between.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "schema/edge/reader.h"
#include "test/sim/runs.h"
#include "wrapper/core/inbox.h"
#include "wrapper/core/node.h"

namespace weir::sim {

struct Plan {
  std::vector<NodePlan> nodes;
  std::vector<std::pair<size_t, size_t>> edges;
  uint64_t log_limit_bytes = 0;
  uint64_t end_sources_at = 0;  // Step; 0: they end by themselves.
  // Of a thousand steps, in so many somebody wants dead letters to be tried again, or dropped.
  int operator_acts = 0;
  bool drops = false;
  uint64_t cured_at = UINT64_MAX;  // Step; from then on programs are started that mind no poison.
};

// How often things go wrong, each per thousand steps.
struct Faults {
  int crash = 0;         // A wrapper dies; its log stays, unsynced batches included.
  int power_cut = 0;     // A wrapper dies, and its log loses what was not synced.
  int link_drop = 0;     // An edge's connection breaks; what was under way is gone.
  int message_loss = 0;  // Per message.
  int message_repeat = 0;
  int message_swap = 0;  // Overtakes another one.
  int program_kill = 0;  // The program is killed by a signal.
  int guard_loss = 0;    // The guard is killed: the run is lost, and no attempt counts.
  int old_copy = 0;      // A wrapper dies, and an older copy of its log is put in place.
  int replace = 0;       // A wrapper's host is lost: a new one with a higher term and no log.
};

class World : private RunContext {
 public:
  World(uint64_t seed, Plan plan, Faults faults);
  ~World() override;

  // Runs with faults for `steps`, then without until everything has ended. False, with why() set,
  // if that does not happen within a generous number of steps or a rule is broken.
  bool run(uint64_t steps);

  // What the sinks' reader got from this node, as lines.
  std::vector<std::string> lines(size_t node) const;
  const std::string& output(size_t node) const;
  // The records that are dead letters of this node, by their numbers (R9).
  std::vector<uint64_t> dead_letters(size_t node) const;
  // Dead letters of this record that were to be dropped, and of these those that were.
  uint64_t drops_asked(size_t node, uint64_t record) const;
  uint64_t drops_done(size_t node, uint64_t record) const;
  // How often the program went wrong by chance, or was killed, while it had only this record to
  // answer for: such a record is as good as poison.
  uint64_t hurt(size_t node, uint64_t record) const;
  // What happened, one line each: faults and what the nodes noted.
  const std::string& told() const { return trace_; }
  const std::string& why() const { return why_; }
  uint64_t faults_done() const { return faults_done_; }
  // How often a writer gave up its connection because nothing came back over it.
  uint64_t given_up() const { return given_up_; }
  // Logs lost something (power cuts, old copies, replacements): records may be seen again.
  bool logs_lost() const { return logs_lost_; }

 private:
  class Host;
  class Sink;
  struct Link;
  friend class Host;
  friend class Sink;

  // RunContext
  uint64_t pick(uint64_t below) override { return below == 0 ? 0 : random_() % below; }
  core::SteadyTime now() const override { return now_; }
  void trace(const std::string& line) override { trace_ += line + "\n"; }
  void fail(std::string why) override;
  bool programs_go_wrong() const override { return !healed_; }
  bool poison_is_cured() const override { return steps_ >= plan_.cured_at; }
  bool outages_are_over() const override;
  bool logs_were_lost() const override { return logs_lost_; }

  void step();
  void inject();
  void operate();
  void deliver(Link& link, bool to_reader);
  void drop_link(Link& link);
  bool finished() const;
  void heal();

  std::mt19937_64 random_;
  Plan plan_;
  Faults faults_;
  core::SteadyTime now_{};
  std::vector<std::unique_ptr<Host>> hosts_;
  std::vector<std::unique_ptr<Sink>> sinks_;
  std::vector<std::unique_ptr<Link>> links_;
  using Counts = std::map<std::pair<size_t, uint64_t>, uint64_t>;  // By node and record.
  static uint64_t count_in(const Counts& counts, size_t node, uint64_t record);

  Counts drops_asked_;
  Counts drops_done_;
  uint64_t steps_ = 0;
  std::string why_;
  std::string trace_;
  uint64_t faults_done_ = 0;
  uint64_t given_up_ = 0;
  bool logs_lost_ = false;
  bool healed_ = false;
};

}  // namespace weir::sim
