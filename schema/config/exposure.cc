#include "schema/config/exposure.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <optional>
#include <string>

namespace weir::config {
namespace {

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

Status check_listen(std::string_view endpoint, bool insecure) {
  constexpr std::string_view kTcp = "tcp://";
  if (endpoint.starts_with("ipc://")) return {};
  const size_t colon = endpoint.rfind(':');
  if (!endpoint.starts_with(kTcp) || colon < kTcp.size()) {
    return wrong(endpoint, "not an endpoint, such as tcp://127.0.0.1:7700");
  }
  const std::string_view address = endpoint.substr(kTcp.size(), colon - kTcp.size());
  if (reach_of(address) != Reach::kThisHost && !insecure) return exposed(endpoint);
  return {};
}

}  // namespace weir::config
