#include "broker/shell/prober.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>

namespace weir::broker {
namespace {

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

std::optional<Address> internet_address(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view digits = text.substr(colon + 1);
  uint16_t port = 0;
  if (std::from_chars(digits.begin(), digits.end(), port).ec != std::errc()) return std::nullopt;
  std::string host(text.substr(0, colon));
  Address address;
  if (host.starts_with('[') && host.ends_with(']')) {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.bytes);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    address.size = sizeof *v6;
    host = host.substr(1, host.size() - 2);
    if (::inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) != 1) return std::nullopt;
    return address;
  }
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.bytes);
  v4->sin_family = AF_INET;
  v4->sin_port = htons(port);
  address.size = sizeof *v4;
  if (::inet_pton(AF_INET, host.c_str(), &v4->sin_addr) != 1) return std::nullopt;
  return address;
}

// A connection that is under way, or stands; invalid if there can be none.
UniqueFd call(const std::string& endpoint) {
  constexpr std::string_view kTcp = "tcp://";
  constexpr std::string_view kIpc = "ipc://";
  std::optional<Address> address;
  if (endpoint.starts_with(kTcp)) address = internet_address(endpoint.substr(kTcp.size()));
  if (endpoint.starts_with(kIpc)) address = local_address(endpoint.substr(kIpc.size()));
  if (!address) return {};
  UniqueFd fd(::socket(address->bytes.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return {};
  const auto* to = reinterpret_cast<const sockaddr*>(&address->bytes);
  if (::connect(fd.get(), to, address->size) != 0 && errno != EINPROGRESS) return {};
  return fd;
}

}  // namespace

Prober::~Prober() {
  for (auto question = questions_.begin(); question != questions_.end(); ++question) {
    loop_.cancel(question->timer);
    for (Call& call : question->calls) loop_.unwatch(call.watch);
  }
}

void Prober::ask(const std::vector<std::string>& endpoints, std::function<void(bool)> done) {
  const At question = questions_.insert(questions_.end(), Question{});
  question->done = std::move(done);
  for (const std::string& endpoint : endpoints) {
    UniqueFd fd = call(endpoint);
    if (!fd.valid()) continue;
    const auto made = question->calls.insert(question->calls.end(), Call{std::move(fd), {}});
    made->watch =
        loop_.watch_fd(made->fd.get(), runtime::Interest::kRead,
                       [this, question, made](runtime::Ready) { on_ready(question, made); });
  }
  // Also when there is nobody to wait for, so that `done` is never called from in here.
  const bool any = !question->calls.empty();
  question->timer = loop_.after(any ? kPatience : std::chrono::milliseconds(0),
                                [this, question] { answer(question, false); });
}

void Prober::on_ready(At question, std::list<Call>::iterator call) {
  char byte = 0;
  const ssize_t got = ::recv(call->fd.get(), &byte, 1, 0);
  if (got > 0) return answer(question, true);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  hang_up(question, call);
  if (question->calls.empty()) answer(question, false);
}

void Prober::hang_up(At question, std::list<Call>::iterator call) {
  loop_.unwatch(call->watch);
  question->calls.erase(call);
}

void Prober::answer(At question, bool answered) {
  loop_.cancel(question->timer);
  while (!question->calls.empty()) hang_up(question, question->calls.begin());
  const std::function<void(bool)> done = std::move(question->done);
  questions_.erase(question);
  done(answered);
}

}  // namespace weir::broker
