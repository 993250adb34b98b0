// Pipelines through `weirctl up`.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "test/bench/bench.h"
#include "test/bench/command.h"

namespace weir::bench {

// The text of a pipeline file.
class Pipeline {
 public:
  explicit Pipeline(std::string dataflow) : dataflow_(std::move(dataflow)) {}
  // `run`: a shell command without single quotes of three; `keys`: lines of TOML.
  Pipeline& node(const std::string& name, const std::string& run, const std::string& keys = "");
  // The same line in all nodes' tables.
  Pipeline& every_node(const std::string& key);
  std::string text() const;

 private:
  struct Node {
    std::string name;
    std::string run;
    std::string keys;
  };
  std::string dataflow_;
  std::vector<Node> nodes_;
  std::string every_;
};

// `weirctl up` with this pipeline, quiet, stdout to a file of its own.
class Up {
 public:
  // `options`: further words of the command line. `expression`: `text` is that of -e instead.
  Up(Bench& bench, const Pipeline& pipeline, std::vector<std::string> options = {});
  Up(Bench& bench, const std::string& expression);

  Running& running() { return *running_; }
  pid_t pid() const { return running_->pid(); }
  std::string out() const { return read_file(out_); }
  // The wrapper of a node, as soon as it is there.
  pid_t wrapper(const std::string& node);

 private:
  void start(Bench& bench, std::vector<std::string> words);

  std::string out_;
  std::unique_ptr<Running> running_;
};

// Generous: only what hangs meets it.
inline constexpr std::chrono::seconds kUpLimit{600};

// The sum of the numbers in a text; a program that is run for each batch prints one for each.
uint64_t sum_of(const std::string& numbers);
// Failed when the two differ: what was measured is worth nothing then.
void expect_count(const std::string& what, uint64_t expected, uint64_t got);

}  // namespace weir::bench
