// Questions about the logs of wrappers that do not run, answered by `weir-wrapper --inspect ask`:
// the program that knows how a log is written. The agent itself never opens one.
//
// Does not block. Nothing survives a crash: who asked asks again. Loop thread.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "schema/base/unique_fd.h"
#include "schema/runtime/loop.h"
#include "schema/runtime/process.h"
#include "schema/wire/control.h"

namespace weir::agent {

inline constexpr size_t kInspectionsMax = 4;  // At a time; more are refused with kUnavailable.
inline constexpr std::chrono::milliseconds kInspectionLimit{60'000};  // Then it is killed.

class Inspections {
 public:
  // With the request of the question. A Refusal where there is no good answer.
  using OnAnswer = std::function<void(const wire::Envelope& answer)>;

  // `wrapper_program`: empty: weir-wrapper, where programs of weir are found.
  Inspections(runtime::Loop& loop, std::string wrapper_program)
      : loop_(loop), program_(std::move(wrapper_program)) {}
  ~Inspections();
  Inspections(const Inspections&) = delete;
  Inspections& operator=(const Inspections&) = delete;

  void ask(const std::string& log_dir, const wire::Envelope& question, OnAnswer on_answer);

 private:
  struct Run {
    std::string request;
    OnAnswer on_answer;
    runtime::Child child;
    UniqueFd out;
    UniqueFd err;
    runtime::WatchId watch{};
    runtime::TimerId limit{};
  };

  Status start(const std::string& log_dir, const wire::Envelope& question, Run& run);
  void ended(uint64_t id);

  runtime::Loop& loop_;
  std::string program_;
  uint64_t last_id_ = 0;
  std::map<uint64_t, Run> runs_;
};

}  // namespace weir::agent
