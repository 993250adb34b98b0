#include "test/bench/up.h"

#include <sstream>

#include "test/bench/processes.h"

namespace weir::bench {

Pipeline& Pipeline::node(const std::string& name, const std::string& run, const std::string& keys) {
  nodes_.push_back({name, run, keys});
  return *this;
}

Pipeline& Pipeline::every_node(const std::string& key) {
  every_ += key + "\n";
  return *this;
}

std::string Pipeline::text() const {
  std::string text = "name = \"bench\"\ndataflow = \"" + dataflow_ + "\"\n";
  for (const Node& node : nodes_) {
    text += "\n[node." + node.name + "]\nrun = '''" + node.run + "'''\n";
    if (!node.keys.empty()) text += node.keys + "\n";
    text += every_;
  }
  return text;
}

Up::Up(Bench& bench, const Pipeline& pipeline, std::vector<std::string> options) {
  const std::string file = bench.fresh("pipeline") + ".toml";
  write_file(file, pipeline.text());
  options.push_back(file);
  start(bench, std::move(options));
}

Up::Up(Bench& bench, const std::string& expression) { start(bench, {"-e", expression}); }

void Up::start(Bench& bench, std::vector<std::string> words) {
  out_ = bench.fresh("out");
  Command command;
  command.argv = {bench.program("weirctl"), "up", "-q"};
  command.argv.insert(command.argv.end(), words.begin(), words.end());
  command.stdout_to = out_;
  command.stderr_to = out_ + ".err";
  command.environment = {"TMPDIR=" + bench.path("")};
  running_ = std::make_unique<Running>(std::move(command));
}

pid_t Up::wrapper(const std::string& node) {
  pid_t found = 0;
  wait_until("the wrapper of " + node, std::chrono::seconds(60), [&] {
    if (running_->has_ended()) throw Failed("weirctl up ended early: " + read_file(out_ + ".err"));
    found = wrapper_of(pid(), node);
    return found != 0;
  });
  return found;
}

uint64_t sum_of(const std::string& numbers) {
  std::istringstream text(numbers);
  uint64_t sum = 0;
  for (uint64_t number = 0; text >> number;) sum += number;
  return sum;
}

void expect_count(const std::string& what, uint64_t expected, uint64_t got) {
  if (expected == got) return;
  throw Failed(what + ": expected " + std::to_string(expected) + ", got " + std::to_string(got));
}

}  // namespace weir::bench
