#include "test/sim/runs.h"

#include <algorithm>

#include "wrapper/core/runner.h"

namespace weir::sim {

void Runs::attach(core::Node* node) {
  node_ = node;
  if (node_ != nullptr) return;
  kill();
}

void Runs::start(const core::RunOrder& order) {
  start_wanted_ = true;
  wanted_ = order;
  fed_.clear();
  given_.clear();
  said_.clear();
  close_wanted_ = false;
}

void Runs::feed(const SharedBytes& bytes) {
  if (!start_wanted_ && !program_) return;
  fed_.emplace_back(bytes.view());
  for (const uint64_t number : numbers_in(bytes.view(), order_.node.protocol)) {
    given_.push_back(number);
  }
}

void Runs::close_stdin() {
  close_wanted_ = true;
  check_unit();
}

void Runs::kill() {
  program_.reset();
  start_wanted_ = false;
  fed_.clear();
}

void Runs::terminate() {
  terminate_ = true;
  if (!order_.end && (!program_ || !program_->wrong())) {
    context_.fail(order_.node.name +
                  " stops a program that does nothing wrong (R12): " + node_->runner_state());
  }
}

void Runs::begin_if_wanted() {
  if (start_wanted_ && !program_) begin();
}

void Runs::begin() {
  start_wanted_ = false;
  stdout_closed_ = terminate_ = false;
  Program::Start start;
  start.run = past_.runs++;
  start.cured = context_.poison_is_cured();
  if (past_.feed) start.feed = &*past_.feed;
  const std::string position = variable("WEIR_POSITION");
  if (!position.empty()) start.position = std::stoull(position);
  const bool may_go_wrong =
      !plan_.ills.mishaps.empty() && context_.programs_go_wrong() && !past_.went_wrong;
  past_.went_wrong = may_go_wrong && context_.chance(plan_.ills.mishap_per_thousand);
  if (past_.went_wrong) {
    start.mishap = plan_.ills.mishaps[context_.pick(plan_.ills.mishaps.size())];
    // Sometimes only at the end of its input.
    start.mishap_after = context_.pick(3) == 0 ? UINT64_MAX : context_.pick(8);
  }
  program_ = std::make_unique<Program>(plan_, start, past_.outage);
}

std::string Runs::variable(std::string_view name) const {
  for (const auto& [each, value] : wanted_.env) {
    if (each == name) return value;
  }
  return {};
}

// The name of a unit stands for the same records for ever (design 4, WEIR_UNIT).
void Runs::check_unit() {
  const graph::NodeSpec& spec = order_.node;
  const bool whole = spec.protocol == graph::Protocol::kPipe && !order_.writers.empty() &&
                     spec.unit != graph::Unit::kStream;
  if (!whole || context_.logs_were_lost()) return;
  const auto [known, is_new] = past_.units.emplace(variable("WEIR_UNIT"), given_);
  if (is_new || known->second == given_) return;
  context_.fail(spec.name + " gives unit " + known->first + " other records than before");
}

// The program goes wrong or is killed now. Does a single record look like the culprit?
void Runs::count_hurt() {
  const bool replies = order_.node.protocol != graph::Protocol::kPipe;
  const size_t answered = replies ? numbers_in(said_, order_.node.protocol).size() : 0;
  if (given_.size() == answered + 1) ++past_.hurt[given_.back()];
}

void Runs::run_some() {
  if (!program_ || node_ == nullptr) return;
  if (!fed_.empty() && !program_->done()) {
    std::string& next = fed_.front();
    const size_t most = 1 + context_.pick(next.size());
    const size_t count = program_->read(std::string_view(next).substr(0, most), context_.now());
    next.erase(0, count);
    if (next.empty()) fed_.pop_front();
    if (count > 0) node_->on_fed(count);
  } else if (!program_->done()) {
    program_->read({}, context_.now());
  }
  if (!program_) return;
  if (fed_.empty() && close_wanted_) program_->end_of_input(context_.now());
  if (stdout_closed_) return;
  const std::span<uint8_t> space = node_->output_space();
  if (space.empty()) return;
  if (context_.outages_are_over()) program_->wait_no_more();
  program_->draw(context_.now());
  const std::string chunk = program_->write(std::min<size_t>(space.size(), 1 + context_.pick(200)));
  std::copy(chunk.begin(), chunk.end(), space.begin());
  if (order_.node.protocol != graph::Protocol::kPipe) said_ += chunk;
  if (!chunk.empty()) node_->on_output(chunk.size());
}

void Runs::end_if_over() {
  if (!program_ || node_ == nullptr) return;
  if (program_->done() && !fed_.empty()) {
    fed_.clear();
    node_->on_stdin_broken();
  }
  if (!program_) return;
  const bool ended = stdout_closed_ || terminate_ || program_->finished();
  if (!ended) return;
  core::RunEnd end;
  if (stdout_closed_ || terminate_) {
    end.kind = core::RunEnd::Kind::kSignaled;
    end.code = stdout_closed_ ? 13 : 15;
  } else {
    end = program_->end();
  }
  if (past_.went_wrong && program_->wrong()) count_hurt();
  std::string line = order_.node.name + ": run " + variable("WEIR_UNIT") + " of";
  for (const uint64_t number : given_) line += " " + std::to_string(number);
  context_.trace(line + " ends, " + core::describe(end));
  const bool well = end.kind == core::RunEnd::Kind::kExited && end.code == 0;
  if (plan_.behaviour == Behaviour::kFile && well) rename_file();
  program_.reset();
  node_->on_run_end(end);
}

void Runs::rename_file() {
  const std::string unit = order_.working_dir + "/out/" + variable("WEIR_UNIT");
  const auto known = std::find_if(past_.files.begin(), past_.files.end(),
                                  [&](const auto& file) { return file.first == unit; });
  if (known != past_.files.end()) {
    known->second = given_;
  } else {
    past_.files.emplace_back(unit, given_);
  }
}

void Runs::kill_program(bool guard) {
  if (!program_) return;
  context_.trace(order_.node.name + (guard ? " guard lost" : " program killed"));
  if (!guard) count_hurt();
  program_.reset();
  fed_.clear();
  core::RunEnd end;
  end.kind = guard ? core::RunEnd::Kind::kLost : core::RunEnd::Kind::kSignaled;
  end.code = 9;
  end.reason = "the guard was killed";
  node_->on_run_end(end);
}

}  // namespace weir::sim
