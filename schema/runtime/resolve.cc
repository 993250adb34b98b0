#include "schema/runtime/resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>

namespace weir::runtime {
namespace {

constexpr std::string_view kTcp = "tcp://";

// The name in it; none: nothing is to be resolved.
std::optional<std::string> name_in(const std::string& endpoint) {
  const size_t colon = endpoint.rfind(':');
  if (!endpoint.starts_with(kTcp) || colon < kTcp.size()) return std::nullopt;
  std::string host = endpoint.substr(kTcp.size(), colon - kTcp.size());
  if (host.empty() || host == "*" || host.starts_with('[')) return std::nullopt;
  in_addr address{};
  if (::inet_pton(AF_INET, host.c_str(), &address) == 1) return std::nullopt;
  return host;
}

std::string with_address(const std::string& endpoint, const addrinfo& found) {
  std::array<char, NI_MAXHOST> text{};
  if (::getnameinfo(found.ai_addr, found.ai_addrlen, text.data(), text.size(), nullptr, 0,
                    NI_NUMERICHOST) != 0) {
    return {};
  }
  const std::string port = endpoint.substr(endpoint.rfind(':'));
  const std::string host =
      found.ai_family == AF_INET6 ? "[" + std::string(text.data()) + "]" : std::string(text.data());
  return std::string(kTcp) + host + port;
}

}  // namespace

bool needs_resolving(const std::string& endpoint) { return name_in(endpoint).has_value(); }

Result<std::vector<std::string>> resolve(const std::string& endpoint) {
  const std::optional<std::string> name = name_in(endpoint);
  if (!name) return std::vector<std::string>{endpoint};
  addrinfo wanted{};
  wanted.ai_family = AF_UNSPEC;
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* first = nullptr;
  const int failure = ::getaddrinfo(name->c_str(), nullptr, &wanted, &first);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(first, ::freeaddrinfo);
  if (failure != 0) {
    const char* why = failure == EAI_SYSTEM ? std::strerror(errno) : ::gai_strerror(failure);
    return Error{ErrorCode::kNotFound, "cannot resolve the name '" + *name + "': " + why};
  }
  std::vector<std::string> endpoints;
  for (const addrinfo* at = first; at != nullptr; at = at->ai_next) {
    std::string one = with_address(endpoint, *at);
    if (one.empty() || std::find(endpoints.begin(), endpoints.end(), one) != endpoints.end()) {
      continue;
    }
    endpoints.push_back(std::move(one));
  }
  if (endpoints.empty()) {
    return Error{ErrorCode::kNotFound, "the name '" + *name + "' has no address"};
  }
  return endpoints;
}

}  // namespace weir::runtime
