#include "schema/runtime/prober.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace weir::runtime {
namespace {

constexpr std::string_view kTcp = "tcp://";
constexpr std::string_view kIpc = "ipc://";

struct Address {
  sockaddr_storage bytes{};
  socklen_t size = 0;
};

std::optional<Address> local_address(std::string_view path) {
  Address address;
  auto* local = reinterpret_cast<sockaddr_un*>(&address.bytes);
  if (path.size() >= sizeof local->sun_path) return std::nullopt;
  local->sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), local->sun_path);
  address.size = sizeof *local;
  return address;
}

// "HOST:PORT", a number each; an IPv6 address in brackets.
std::optional<Address> internet_address(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string port(text.substr(colon + 1));
  std::string host(text.substr(0, colon));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  addrinfo wanted{};
  wanted.ai_family = AF_UNSPEC;
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), port.c_str(), &wanted, &found) != 0) return std::nullopt;
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
  Address address;
  std::memcpy(&address.bytes, found->ai_addr, found->ai_addrlen);
  address.size = found->ai_addrlen;
  return address;
}

// What errno says of a connection that did not come to be.
Error failed_to_reach(const std::string& endpoint, int failure) {
  const bool local = endpoint.starts_with(kIpc);
  switch (failure) {
    case ECONNREFUSED:
      return Error{ErrorCode::kUnavailable, endpoint + " refuses the connection: nobody listens"};
    case ENOENT:
      return Error{ErrorCode::kUnavailable, endpoint + ": there is no such socket"};
    case EACCES:
      if (!local) break;
      return Error{ErrorCode::kIo, endpoint +
                                       ": permission denied: only its owner, and the members of "
                                       "its group, may use this socket"};
    case ETIMEDOUT:
      return Error{ErrorCode::kTimeout, endpoint + " is silent"};
    default:
      break;
  }
  return errno_error(endpoint, failure);
}

std::optional<Address> address_of(const std::string& endpoint) {
  if (endpoint.starts_with(kTcp)) return internet_address(endpoint.substr(kTcp.size()));
  if (endpoint.starts_with(kIpc)) return local_address(endpoint.substr(kIpc.size()));
  return std::nullopt;
}

// A connection that is under way, or stands.
Result<UniqueFd> call(const std::string& endpoint) {
  const std::optional<Address> address = address_of(endpoint);
  if (!address) return Error{ErrorCode::kInvalid, endpoint + " is no address"};
  UniqueFd fd(::socket(address->bytes.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return failed_to_reach(endpoint, errno);
  const auto* to = reinterpret_cast<const sockaddr*>(&address->bytes);
  // EAGAIN: a local listener that lives does not accept fast enough.
  if (::connect(fd.get(), to, address->size) != 0 && errno != EINPROGRESS) {
    if (errno == EAGAIN) return Error{ErrorCode::kTimeout, endpoint + " is silent"};
    return failed_to_reach(endpoint, errno);
  }
  return fd;
}

// How close to an answer it came.
int closeness(ErrorCode code) {
  if (code == ErrorCode::kTimeout) return 2;
  return code == ErrorCode::kUnavailable ? 1 : 0;
}

}  // namespace

Prober::~Prober() {
  for (auto question = questions_.begin(); question != questions_.end(); ++question) {
    loop_.cancel(question->timer);
    for (Call& call : question->calls) loop_.unwatch(call.watch);
  }
}

void Prober::ask(const std::vector<std::string>& endpoints, std::chrono::milliseconds limit,
                 Done done) {
  const At question = questions_.insert(questions_.end(), Question{});
  question->done = std::move(done);
  for (const std::string& endpoint : endpoints) {
    Result<UniqueFd> fd = call(endpoint);
    if (!fd) {
      note(*question, std::move(fd).error());
      continue;
    }
    const auto made =
        question->calls.insert(question->calls.end(), Call{endpoint, *std::move(fd), {}});
    made->watch = loop_.watch_fd(made->fd.get(), Interest::kRead,
                                 [this, question, made](Ready) { on_ready(question, made); });
  }
  // Also when there is nobody to wait for, so that `done` is never called from in here.
  const bool any = !question->calls.empty();
  question->timer = loop_.after(any ? limit : std::chrono::milliseconds(0),
                                [this, question] { give_up(question); });
}

void Prober::note(Question& question, Error failure) {
  if (!question.failure) {
    question.failure = std::move(failure);
    return;
  }
  const bool closer = closeness(failure.code) > closeness(question.failure->code);
  question.failure->what += "; " + failure.what;
  if (closer) question.failure->code = failure.code;
}

void Prober::on_ready(At question, std::list<Call>::iterator call) {
  char byte = 0;
  const ssize_t got = ::recv(call->fd.get(), &byte, 1, 0);
  if (got > 0) return answer(question, std::string(call->endpoint));
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  note(*question, got == 0 ? Error{ErrorCode::kTimeout, call->endpoint + " hangs up"}
                           : failed_to_reach(call->endpoint, errno));
  hang_up(question, call);
  if (question->calls.empty()) give_up(question);
}

void Prober::hang_up(At question, std::list<Call>::iterator call) {
  loop_.unwatch(call->watch);
  question->calls.erase(call);
}

void Prober::give_up(At question) {
  for (const Call& call : question->calls) {
    note(*question, Error{ErrorCode::kTimeout, call.endpoint + " is silent"});
  }
  Error failure = question->failure.value_or(Error{ErrorCode::kInvalid, "there is no address"});
  answer(question, std::move(failure));
}

void Prober::answer(At question, Result<std::string> answer) {
  loop_.cancel(question->timer);
  while (!question->calls.empty()) hang_up(question, question->calls.begin());
  const Done done = std::move(question->done);
  questions_.erase(question);
  done(std::move(answer));
}

}  // namespace weir::runtime
