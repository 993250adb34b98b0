// The runs of one node's program, as a wrapper process of the simulation makes them: what a real
// one does with pipes and processes happens here bit by bit, as chance has it.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "schema/wire/order.h"
#include "test/sim/program.h"
#include "wrapper/core/node.h"

namespace weir::sim {

// The world around programs and wrappers.
class RunContext {
 public:
  virtual ~RunContext() = default;
  virtual uint64_t pick(uint64_t below) = 0;
  virtual core::SteadyTime now() const = 0;
  virtual void trace(const std::string& line) = 0;
  // A rule is broken.
  virtual void fail(std::string why) = 0;
  virtual bool programs_go_wrong() const = 0;  // By chance.
  virtual bool poison_is_cured() const = 0;
  virtual bool outages_are_over() const = 0;
  // Records may be seen again, and units be formed anew.
  virtual bool logs_were_lost() const = 0;

  bool chance(int per_thousand) {
    return per_thousand > 0 && pick(1000) < static_cast<uint64_t>(per_thousand);
  }
};

// What there is of a node beside its log: outlives its processes.
struct NodePast {
  Outage outage;
  uint64_t runs = 0;
  bool went_wrong = false;                             // The last run was to go wrong by chance.
  std::map<std::string, std::vector<uint64_t>> units;  // What each was given, by WEIR_UNIT.
  std::map<uint64_t, uint64_t> hurt;                   // See World::hurt().
  std::optional<Feed> feed;                            // Of a source.
  // Of a kFile: what is in out/, in the order in which it came there.
  std::vector<std::pair<std::string, std::vector<uint64_t>>> files;
};

class Runs {
 public:
  // All must outlive it.
  Runs(RunContext& context, const NodePlan& plan, NodePast& past, const wire::StartOrder& order)
      : context_(context), plan_(plan), past_(past), order_(order) {}

  // Whom it tells; null: the wrapper is gone, and its program with it.
  void attach(core::Node* node);

  // What a node asks for; see core::Effects.
  void start(const core::RunOrder& order);
  void feed(const SharedBytes& bytes);
  void close_stdin();
  void close_stdout() { stdout_closed_ = true; }
  void kill();
  void terminate();
  uint64_t cpu_ticks() const { return program_ ? program_->cpu_ticks() : 0; }

  // What happens to a program by and by.
  void begin_if_wanted();
  void run_some();
  void end_if_over();
  // By a signal from outside, or with its guard, and then the run is lost.
  void kill_program(bool guard);

  bool running() const { return program_ != nullptr; }
  // There is something for it to do, beside waiting.
  bool busy() const {
    return start_wanted_ || (program_ && (!fed_.empty() || close_wanted_ || terminate_ ||
                                          stdout_closed_ || program_->done() || program_->says()));
  }

 private:
  void begin();
  std::string variable(std::string_view name) const;
  void check_unit();
  void count_hurt();
  void rename_file();

  RunContext& context_;
  const NodePlan& plan_;
  NodePast& past_;
  const wire::StartOrder& order_;
  core::Node* node_ = nullptr;
  std::unique_ptr<Program> program_;
  core::RunOrder wanted_;
  std::deque<std::string> fed_;
  std::vector<uint64_t> given_;  // The records of this run, and
  std::string said_;             // what it has answered.
  bool start_wanted_ = false;
  bool close_wanted_ = false;
  bool stdout_closed_ =
      false;  // Its next write fails: it is gone with the signal that this brings.
  bool terminate_ = false;
};

}  // namespace weir::sim
