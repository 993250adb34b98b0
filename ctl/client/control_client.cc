#include "ctl/client/control_client.h"

#include <algorithm>
#include <utility>

#include "schema/base/log.h"
#include "schema/wire/unknown.h"

namespace weir::ctl {

Result<std::string> Requests::add(const wire::Message& message, std::chrono::milliseconds limit,
                                  Answer answer, runtime::SteadyTime now) {
  std::string id = prefix_ + "-" + std::to_string(next_++);
  Result<std::string> bytes = wire::encode({id, message});
  if (!bytes) return bytes;
  waiting_[std::move(id)] = {*bytes, std::move(answer), now, now + limit};
  return bytes;
}

void Requests::on_message(wire::Envelope envelope) {
  const auto found = waiting_.find(envelope.request);
  if (found == waiting_.end()) return;
  const Answer answer = std::move(found->second.answer);
  waiting_.erase(found);
  if (auto* refusal = std::get_if<wire::Refusal>(&envelope.message)) {
    return answer(Error{refusal->code, std::move(refusal->what)});
  }
  if (const auto* unknown = std::get_if<wire::Unknown>(&envelope.message)) {
    return answer(Error{ErrorCode::kInvalid, "the broker's answer: " + wire::to_string(*unknown)});
  }
  answer(std::move(envelope.message));
}

std::vector<std::string> Requests::tick(runtime::SteadyTime now) {
  std::vector<std::string> again;
  std::vector<Answer> late;
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    Waiting& request = at->second;
    if (now >= request.give_up_at) {
      late.push_back(std::move(request.answer));
      at = waiting_.erase(at);
      continue;
    }
    if (now - request.asked_at >= kAskAgain) {
      request.asked_at = now;
      again.push_back(request.bytes);
    }
    ++at;
  }
  for (const Answer& answer : late) {
    answer(Error{ErrorCode::kTimeout,
                 "the broker did not answer in time; what was asked for may have been done or not: "
                 "ask again"});
  }
  return again;
}

std::vector<std::string> Requests::on_connection(runtime::SteadyTime now) {
  std::vector<std::string> all;
  for (auto& [id, request] : waiting_) {
    request.asked_at = now;
    all.push_back(request.bytes);
  }
  return all;
}

ControlClient::ControlClient(runtime::Loop& loop, runtime::ZmqContext& context,
                             std::string request_prefix)
    : loop_(loop), context_(context), requests_(std::move(request_prefix)), dialer_(loop) {
  timer_ = loop_.every(std::chrono::milliseconds(100), [this] { tick(); });
}

ControlClient::~ControlClient() {
  loop_.cancel(timer_);
  loop_.cancel(dial_timer_);
  loop_.unwatch(watch_);
}

void ControlClient::connect(const std::string& endpoint) {
  endpoint_ = endpoint;
  dial();
}

void ControlClient::dial() {
  loop_.cancel(dial_timer_);
  loop_.unwatch(watch_);
  socket_.reset();
  dialer_.dial(endpoint_, kDialLimit, [this](const Result<std::string>& found) {
    const Status opened = found ? open(*found) : Status(found.error());
    failure_.reset();
    if (!opened) {
      failure_ = opened.error();
      dial_timer_ = loop_.after(dial_pause_, [this] { dial(); });
      dial_pause_ = std::min(dial_pause_ * 2, kDialPauseMax);
      return;
    }
    dial_pause_ = kDialPauseFirst;
    for (const std::string& bytes : requests_.on_connection(loop_.now())) send(bytes);
  });
}

// Its host is a number.
Status ControlClient::open(const std::string& endpoint) {
  heard_at_ = loop_.now();
  runtime::SocketOptions options;
  options.message_bytes_max = static_cast<int64_t>(wire::kControlMessageBytesMax) + (1 << 16);
  Result<runtime::ZmqSocket> socket = runtime::ZmqSocket::dealer(context_, options);
  if (!socket) return std::move(socket).error();
  if (Status connected = socket->connect(endpoint); !connected) return connected;
  socket_.emplace(*std::move(socket));
  watch_ = loop_.watch_socket(*socket_, [this] { receive(); });
  return {};
}

void ControlClient::ask(const wire::Message& message, std::chrono::milliseconds limit,
                        const Answer& answer) {
  Result<std::string> bytes = requests_.add(message, limit, answer, loop_.now());
  if (!bytes) return answer(std::move(bytes).error());
  send(*bytes);
}

void ControlClient::send(const std::string& bytes) {
  // What is not sent now is sent again by tick().
  if (socket_) (void)socket_->send({std::string_view(bytes)});
}

void ControlClient::receive() {
  std::vector<runtime::Message> parts;
  while (socket_) {
    const Result<bool> got = socket_->receive(parts);
    if (!got || !*got || parts.empty()) return;
    heard_at_ = loop_.now();
    has_heard_ = true;
    Result<wire::Envelope> envelope = wire::decode(parts.back().view());
    if (envelope) {
      requests_.on_message(*std::move(envelope));
    } else {
      log::warn("an answer of the broker is refused: " + envelope.error().what);
    }
  }
}

void ControlClient::tick() {
  if (requests_.empty()) {
    heard_at_ = loop_.now();
    return;
  }
  if (socket_ && loop_.now() - heard_at_ >= kSilenceMax) dial();
  for (const std::string& bytes : requests_.tick(loop_.now())) send(bytes);
}

}  // namespace weir::ctl
