// The programs of a simulated world: what they do with their input, and how they go wrong.
#pragma once

#include <algorithm>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "schema/graph/pipeline.h"
#include "wrapper/core/effects.h"

namespace weir::sim {

// What a simulated program does with its input; deterministic unless it says otherwise.
enum class Behaviour {
  kNumbers,   // Source: writes the numbers from 1 to `count`, one a line.
  kCat,       // Writes what it reads.
  kEven,      // Writes the lines with an even number.
  kCount,     // Writes, at the end, how many lines it read.
  kHead,      // Writes the first `count` lines and exits.
  kTwice,     // Writes each line twice.
  kFailOnce,  // Like kCat, but its first `count` runs exit with status 3 half way.
  kFeed,      // Source: passes on what comes from outside, and nobody gives it that twice.
  kFile,      // Sink: writes what it reads to out/$WEIR_UNIT, and renames when it is whole.
};

// What comes to a source from outside, by and by: numbers from `first` on.
struct Feed {
  uint64_t first = 1;
  uint64_t count = 0;
  core::SteadyTime begin{};
  std::chrono::milliseconds pace{0};  // Between two; 0: all are there.
  uint64_t given = 0;                 // kFeed: so many were handed out.

  uint64_t come(core::SteadyTime now) const {
    if (pace.count() == 0) return count;
    return std::min(count, static_cast<uint64_t>(std::max<int64_t>((now - begin) / pace, 0)));
  }
};

// A way to go wrong.
enum class Mishap {
  kExit1,
  kExit75,   // Try later (R9).
  kSignal,   // What it had not written out is lost.
  kHang,     // Reads and writes no more (R12).
  kMissing,  // lines, frames: exits well without the last answer.
  kExtra,    // lines, frames: one answer too many, at the very end.
};

// How the programs of a node go wrong.
struct Ills {
  std::set<uint64_t> poison;  // Whatever is given one of these numbers goes wrong, each time.
  Mishap poison_way = Mishap::kExit1;
  // All runs go wrong for this long, once the record `outage_at` has come.
  uint64_t outage_at = 0;
  std::chrono::milliseconds outage_for{0};
  Mishap outage_way = Mishap::kExit1;
  // Of a thousand runs so many go wrong by chance, but never two in a row.
  int mishap_per_thousand = 0;
  std::vector<Mishap> mishaps;
  bool chunky = false;  // lines, frames: answers go out when all that has come in is answered.
  bool busy = false;    // Works on each record for longer than stall_timeout.
  bool waits = false;   // Source: its last records come when all outages are over.
};

// When a node's outage began; outlives its programs.
using Outage = std::optional<core::SteadyTime>;

struct NodePlan {
  graph::NodeSpec spec;
  Behaviour behaviour = Behaviour::kCat;
  uint64_t count = 0;
  Ills ills{};
  std::chrono::milliseconds pace{0};  // Of a source: between two records; see Feed.
};

// The plan in one line, for traces.
std::string describe(const NodePlan& plan);

// The numbers of the records in what a program is fed or writes, as its protocol has them; 0 for
// "no output".
std::vector<uint64_t> numbers_in(std::string_view bytes, graph::Protocol protocol);

// One run of a node's program: reads what it was fed, writes what its behaviour says.
class Program {
 public:
  struct Start {
    uint64_t run = 0;       // How many came before.
    uint64_t position = 0;  // WEIR_POSITION
    std::optional<Mishap> mishap;
    uint64_t mishap_after = 0;  // So many records are well yet.
    bool cured = false;         // Nothing is poison to it.
    Feed* feed = nullptr;       // Of a source; none: `count` numbers are there at once.
  };
  // `plan` and `outage` must outlive the program.
  Program(const NodePlan& plan, const Start& start, Outage& outage);

  // How much of `bytes` it reads now; at least one byte if it reads at all.
  size_t read(std::string_view bytes, core::SteadyTime now);
  void end_of_input(core::SteadyTime now);
  // At most so much of what it has to say.
  std::string write(size_t most);
  // All outages are over.
  void wait_no_more();
  // A source with a feed takes what has come.
  void draw(core::SteadyTime now);

  bool done() const { return done_; }  // It reads no more.
  bool finished() const { return done_ && out_.empty(); }
  bool hung() const { return hung_; }
  bool says() const { return !out_.empty(); }
  // It has gone wrong, and may be stopped for it.
  bool wrong() const { return wrong_.has_value(); }
  uint64_t cpu_ticks() const { return cpu_ticks_; }
  core::RunEnd end() const;

 private:
  std::optional<std::string> next_record();
  void take(const std::string& record);
  bool write_record(uint64_t number);
  void answer(const std::string& text);  // Empty: no output.
  void go_wrong(Mishap way);
  bool in_outage(core::SteadyTime now) const;
  void begin_outage(uint64_t number, core::SteadyTime now);

  const NodePlan& plan_;
  const bool replies_;
  const bool frames_;
  Outage& outage_;
  Feed* feed_ = nullptr;
  uint64_t drawn_ = 0;
  bool failing_ = false;
  std::optional<Mishap> mishap_;
  uint64_t mishap_after_ = 0;
  bool cured_ = false;
  std::optional<Mishap> wrong_;
  std::string in_;
  std::string out_;
  std::string unflushed_;
  std::string late_;
  uint64_t records_ = 0;
  uint64_t cpu_ticks_ = 0;
  core::SteadyTime busy_until_{};
  bool done_ = false;
  bool hung_ = false;
};

}  // namespace weir::sim
