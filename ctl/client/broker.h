// The broker, as a command sees it: questions, answers, and waiting in between. The seam at which
// tests put a broker of their own.
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "schema/base/result.h"
#include "schema/wire/control.h"

namespace weir::ctl {

class Broker {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // For an answer of a broker that has been heard before.
  static constexpr std::chrono::milliseconds kAnswerWait{30'000};
  // For the first one.
  static constexpr std::chrono::milliseconds kReachWait{5'000};

  virtual ~Broker() = default;

  // Asks all of these at once, each again with the same request id until it is answered, and gives
  // the answers in the order of the questions. A Refusal comes as an Error with the broker's words;
  // kTimeout: no answer within `limit`, or a signal came; kUnavailable and not reached(): nobody
  // was heard within kReachWait, or nobody can be, and why.
  virtual std::vector<Result<wire::Message>> ask_all(std::vector<wire::Message> questions,
                                                     std::chrono::milliseconds limit) = 0;
  // False: a signal came.
  virtual bool pause(std::chrono::milliseconds duration) = 0;
  virtual Time now() const = 0;
  // SIGINT, SIGTERM or SIGHUP, if one came during a wait; else 0. Nothing is waited for after it.
  virtual int signal() const = 0;
  // Whether the broker was ever heard.
  virtual bool reached() const = 0;

  // One question whose answer is a T.
  template <typename T>
  Result<T> ask(wire::Message question, std::chrono::milliseconds limit = kAnswerWait) {
    if (Status known = check_name(question); !known) return std::move(known).error();
    return as<T>(std::move(ask_all({std::move(question)}, limit).front()));
  }
  // kNotFound: the question is about a pipeline with a name that none can have, and that the broker
  // would refuse to look at.
  static Status check_name(const wire::Message& question);
  template <typename T>
  static Result<T> as(Result<wire::Message> answer) {
    if (!answer) return std::move(answer).error();
    if (T* const wanted = std::get_if<T>(&*answer)) return std::move(*wanted);
    return Error{ErrorCode::kCorrupt,
                 "the broker gave an answer that does not belong to the question: " +
                     std::string(wire::type_name(*answer))};
  }
};

}  // namespace weir::ctl
