// What the rows of the benchmark share: the settings, the folder to work in, the programs, and the
// lines of the table that they fill in.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "test/bench/stats.h"

namespace weir::bench {

// A row that cannot be measured throws this; it is printed, and the other rows go on.
class Failed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A row that needs what is not here (a server of others, for instance) throws this.
class Skipped : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Settings {
  bool quick = false;
  int runs = 0;                   // 0: as many as the row thinks right.
  uint64_t bytes = 0;             // 0: likewise.
  std::vector<std::string> only;  // Rows by name; empty: all.
  std::string json_file;
  std::string work;  // Where to work; empty: TMPDIR, else /tmp.
};

struct Target {
  enum class Kind { kNone, kAtLeast, kAtMost } kind = Kind::kNone;
  double value = 0;
};

inline Target at_least(double value) { return {Target::Kind::kAtLeast, value}; }
inline Target at_most(double value) { return {Target::Kind::kAtMost, value}; }
bool is_met(const Target& target, double result);

// One line of the table. `result` is what the target is about: a ratio of the two when there is a
// baseline, else what was measured.
struct Line {
  std::string row{};
  std::string what{};
  Samples weir{};
  Samples baseline{};  // Empty: there is none.
  std::string unit{};  // Of both.
  Samples result{};
  std::string result_unit{};  // Empty for a ratio.
  Target target{};
  std::string note{};
  std::string skipped{};  // Why there is nothing else.
  std::string failed{};
};

// A file of numbered lines, all of the same length, in the page cache and on the disk.
struct LineFile {
  std::string path;
  uint64_t lines = 0;
  uint64_t bytes = 0;
};

class Bench {
 public:
  explicit Bench(Settings settings);
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;
  ~Bench();  // Removes the folder.

  bool quick() const { return settings_.quick; }
  // What --runs or --bytes say, else the one of the two that fits.
  int runs(int usual, int quick) const;
  uint64_t bytes(uint64_t usual, uint64_t quick) const;
  bool wants(std::string_view row) const;

  // Our own folder; its path in there.
  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  // A new name for something in there.
  std::string fresh(const std::string& name);
  // A program of the same build, by its name: kNotFound is a Failed.
  std::string program(std::string_view name) const;
  const LineFile& lines_of(uint64_t line_bytes, uint64_t bytes);
  // Frees the disk of all of lines_of().
  void drop_line_files();

  // Progress, to stderr.
  void say(const std::string& text) const;
  void add(Line line);
  const std::vector<Line>& table() const { return table_; }
  const Settings& settings() const { return settings_; }

 private:
  Settings settings_;
  std::string folder_;
  int last_fresh_ = 0;
  std::map<uint64_t, LineFile> line_files_;
  std::vector<Line> table_;
};

// Rows that are measured together, because they share runs of a baseline.
struct Group {
  std::vector<std::string> rows;
  std::function<void(Bench&)> run;
};

// In the order of the table.
const std::vector<Group>& groups();

void run_pipe_rows(Bench& bench);
void run_size_rows(Bench& bench);
void run_nats_rows(Bench& bench);
void run_answer_rows(Bench& bench);
void run_branch_rows(Bench& bench);
void run_latency_rows(Bench& bench);
void run_idle_rows(Bench& bench);
void run_record_rows(Bench& bench);
void run_memory_rows(Bench& bench);
void run_replay_rows(Bench& bench);
void run_open_rows(Bench& bench);
void run_control_rows(Bench& bench);
void run_agent_rows(Bench& bench);
void run_bare_rows(Bench& bench);

}  // namespace weir::bench
