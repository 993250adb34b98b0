#include "ctl/client/zmq_broker.h"

#include <cstdio>
#include <memory>

#include "ctl/client/signals_held.h"
#include "schema/base/files.h"

namespace weir::ctl {
namespace {

// The answers to what was asked together. Shared with callbacks that may outlive the question.
struct Answers {
  std::vector<std::optional<Result<wire::Message>>> all;
  size_t missing = 0;
};

}  // namespace

Result<std::unique_ptr<Broker>> ZmqBroker::connect(const std::string& endpoint) {
  std::unique_ptr<ZmqBroker> broker(new ZmqBroker);
  if (Status opened = broker->open(endpoint); !opened) return std::move(opened).error();
  return std::unique_ptr<Broker>(std::move(broker));
}

Status ZmqBroker::open(const std::string& endpoint) {
  const SignalsHeld held;  // SignalWatch leaves them blocked.
  auto signals = runtime::SignalWatch::create(loop_, {SIGINT, SIGTERM, SIGHUP},
                                              [this](int signal) { signal_ = signal; });
  if (!signals) return std::move(signals).error();
  signals_.emplace(*std::move(signals));
  const Result<uint64_t> nonce = random_number();
  if (!nonce) return nonce.error();
  char prefix[32];
  std::snprintf(prefix, sizeof prefix, "ctl-%016llx", static_cast<unsigned long long>(*nonce));
  context_.emplace(1);
  client_.emplace(loop_, *context_, prefix);
  client_->connect(endpoint);
  return {};
}

std::vector<Result<wire::Message>> ZmqBroker::ask_all(std::vector<wire::Message> questions,
                                                      std::chrono::milliseconds limit) {
  const SignalsHeld held;
  const auto answers = std::make_shared<Answers>();
  answers->all.resize(questions.size());
  answers->missing = questions.size();
  loop_.run_once({});  // What time it is, and what has come meanwhile.
  for (size_t i = 0; i < questions.size(); ++i) {
    client_->ask(questions[i], limit, [answers, i](Result<wire::Message> answer) {
      answers->all[i] = std::move(answer);
      --answers->missing;
    });
  }
  const Time begun = now();
  const auto hopeless = [&] {
    return !reached() && (client_->failure() || now() - begun >= kReachWait);
  };
  while (answers->missing > 0 && signal_ == 0 && !hopeless()) loop_.run_once(kReachWait);
  client_->forget_all();
  const std::string why =
      client_->failure() ? client_->failure()->what : "it does not answer what it is asked";
  std::vector<Result<wire::Message>> result;
  for (auto& answer : answers->all) {
    const bool late = answer && !*answer && answer->error().code == ErrorCode::kTimeout;
    if (answer && (reached() || !late)) {
      result.push_back(*std::move(answer));
    } else if (signal_ != 0) {
      result.emplace_back(Error{ErrorCode::kTimeout, "interrupted"});
    } else {
      result.emplace_back(Error{ErrorCode::kUnavailable, why});
    }
  }
  return result;
}

bool ZmqBroker::pause(std::chrono::milliseconds duration) {
  const SignalsHeld held;
  const Time until = now() + duration;
  while (signal_ == 0) {
    const auto left = until - now();
    if (left <= Time::duration::zero()) break;
    loop_.run_once(left);
  }
  return signal_ == 0;
}

}  // namespace weir::ctl
