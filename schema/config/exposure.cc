#include "schema/config/exposure.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <charconv>
#include <optional>
#include <string>

namespace weir::config {
namespace {

constexpr std::string_view kIpc = "ipc://";
constexpr std::string_view kTcp = "tcp://";
constexpr size_t kSocketPathBytesMax = 107;

enum class Reach { kNobody, kThisHost, kOthers };

std::optional<Reach> reach_of_v4(const std::string& text) {
  in_addr address{};
  if (::inet_pton(AF_INET, text.c_str(), &address) != 1) return std::nullopt;
  const uint32_t number = ntohl(address.s_addr);
  if (number == INADDR_ANY) return Reach::kNobody;
  return number >> 24 == IN_LOOPBACKNET ? Reach::kThisHost : Reach::kOthers;
}

std::optional<Reach> reach_of_v6(const std::string& text) {
  in6_addr address{};
  if (::inet_pton(AF_INET6, text.c_str(), &address) != 1) return std::nullopt;
  if (IN6_IS_ADDR_UNSPECIFIED(&address)) return Reach::kNobody;
  return IN6_IS_ADDR_LOOPBACK(&address) ? Reach::kThisHost : Reach::kOthers;
}

// Who connects to it; nothing if it is no number.
std::optional<Reach> reach_of(std::string_view address) {
  if (address.starts_with('[') && address.ends_with(']')) {
    return reach_of_v6(std::string(address.substr(1, address.size() - 2)));
  }
  return reach_of_v4(std::string(address));
}

bool is_port(std::string_view text) {
  uint32_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port >= 1 && port <= 65535;
}

bool is_endpoint(std::string_view text) {
  if (text.starts_with(kIpc)) {
    text.remove_prefix(kIpc.size());
    return !text.empty() && text.size() <= kSocketPathBytesMax;
  }
  if (!text.starts_with(kTcp)) return false;
  text.remove_prefix(kTcp.size());
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const bool plain = text.find_first_of(" \t/;@") == std::string_view::npos;
  return plain && is_port(text.substr(colon + 1));
}

Error wrong(std::string_view what, std::string_view why) {
  return Error{ErrorCode::kInvalid, std::string(what).append(": ").append(why)};
}

Error exposed(std::string_view what) {
  return wrong(what,
               "other hosts could connect, and nothing is encrypted or authenticated yet: use a "
               "loopback address (127.0.0.1), or add --insecure if you trust the network");
}

}  // namespace

Status check_address(std::string_view address, bool insecure) {
  if (reach_of_v6(std::string(address))) {
    return wrong(address, "an IPv6 address stands in brackets: [" + std::string(address) + "]");
  }
  const std::optional<Reach> reach = reach_of(address);
  if (!reach) return wrong(address, "not an IP address of this host, such as 10.0.0.5");
  if (*reach == Reach::kNobody) {
    return wrong(address, "nobody can connect to that: give the address that other hosts use");
  }
  if (*reach == Reach::kOthers && !insecure) return exposed(address);
  return {};
}

Status check_broker(std::string_view endpoint) {
  if (is_endpoint(endpoint)) return {};
  return Error{ErrorCode::kInvalid,
               "'" + std::string(endpoint) +
                   "' is not a broker's endpoint; write tcp://HOST:PORT or ipc:///PATH"};
}

Status check_listen(std::string_view endpoint, bool insecure) {
  if (endpoint.starts_with(kIpc)) return {};
  const size_t colon = endpoint.rfind(':');
  const bool has_port = endpoint.starts_with(kTcp) && colon >= kTcp.size() &&
                        (endpoint.substr(colon + 1) == "*" || is_port(endpoint.substr(colon + 1)));
  if (!has_port) {
    return wrong(endpoint, "not an endpoint, such as tcp://127.0.0.1:7700");
  }
  const std::string_view address = endpoint.substr(kTcp.size(), colon - kTcp.size());
  if (reach_of(address) != Reach::kThisHost && !insecure) return exposed(endpoint);
  return {};
}

}  // namespace weir::config
