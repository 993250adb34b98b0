#include "test/e2e/support/network.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "schema/base/check.h"

namespace weir::e2e {
namespace {

using std::chrono::milliseconds;

constexpr const char* kInterface = "weir0";
constexpr const char* kOwnSpace = "/proc/thread-self/ns/net";
constexpr uint32_t kFirstAddress = 0x0a4d0001;  // 10.77.0.1
constexpr uint32_t kMask = 0xffffff00;
constexpr size_t kPacketMax = 65'536;
// What waits before a slow link, in time; the rest is dropped.
constexpr milliseconds kQueueMax{200};
constexpr int kPollMs = 20;

// Where things are in a packet of IP version 4.
constexpr size_t kProtocolAt = 9;
constexpr size_t kFromAt = 12;
constexpr size_t kToAt = 16;
constexpr size_t kHeaderMin = 20;
constexpr size_t kTcpHeaderMin = 20;
constexpr size_t kTcpFlagsAt = 13;
constexpr uint8_t kTcp = 6;
constexpr uint8_t kSyn = 2;

Error failed(const std::string& what) {
  return Error{ErrorCode::kIo, what + ": " + std::strerror(errno)};
}

uint16_t short_at(const std::vector<uint8_t>& bytes, size_t at) {
  return static_cast<uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

uint32_t long_at(const std::vector<uint8_t>& bytes, size_t at) {
  return static_cast<uint32_t>(short_at(bytes, at)) << 16 | short_at(bytes, at + 2);
}

Result<UniqueFd> open_file(const char* path, int flags) {
  UniqueFd fd(::open(path, flags | O_CLOEXEC));
  if (!fd.valid()) return failed(path);
  return fd;
}

ifreq request_for(const char* name) {
  ifreq request{};
  std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  return request;
}

ifreq request_for(const char* name, uint32_t address) {
  ifreq request = request_for(name);
  sockaddr_in full{};
  full.sin_family = AF_INET;
  full.sin_addr.s_addr = htonl(address);
  std::memcpy(&request.ifr_addr, &full, sizeof full);
  return request;
}

Status raise_interface(const UniqueFd& socket, const char* name) {
  ifreq request = request_for(name);
  if (::ioctl(socket.get(), SIOCGIFFLAGS, &request) != 0) return failed(name);
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP | IFF_RUNNING);
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) return failed(name);
  return {};
}

// An interface of the calling thread's namespace whose packets we read and write.
Result<UniqueFd> open_tunnel(uint32_t address) {
  auto tunnel = open_file("/dev/net/tun", O_RDWR | O_NONBLOCK);
  if (!tunnel) return tunnel.error();
  ifreq request = request_for(kInterface);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (::ioctl(tunnel->get(), TUNSETIFF, &request) != 0) return failed("a TUN device");
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return failed("a socket");
  request = request_for(kInterface, address);
  if (::ioctl(socket.get(), SIOCSIFADDR, &request) != 0) return failed("an address");
  request = request_for(kInterface, kMask);
  if (::ioctl(socket.get(), SIOCSIFNETMASK, &request) != 0) return failed("a network mask");
  for (const char* name : {kInterface, "lo"}) {
    if (Status up = raise_interface(socket, name); !up) return up.error();
  }
  return tunnel;
}

void enter(const UniqueFd& space) {
  WEIR_CHECK(::setns(space.get(), CLONE_NEWNET) == 0, "cannot enter a network namespace");
}

}  // namespace

Result<std::unique_ptr<Network>> Network::create(const std::vector<std::string>& hosts,
                                                 uint64_t seed) {
  if (::geteuid() != 0) {
    return Error{ErrorCode::kUnavailable, "hosts as network namespaces need root"};
  }
  std::unique_ptr<Network> network(new Network(seed));
  if (Status opened = network->open(hosts); !opened) return opened.error();
  network->thread_ = std::thread([raw = network.get()] { raw->carry(); });
  return network;
}

Status Network::open(const std::vector<std::string>& hosts) {
  auto home = open_file(kOwnSpace, O_RDONLY);
  if (!home) return home.error();
  home_ = std::move(*home);
  std::vector<std::string> names = hosts;
  names.emplace_back(kConsole);  // The last one, so that the thread is there afterwards.
  for (const std::string& name : names) {
    if (::unshare(CLONE_NEWNET) != 0) return failed("a network namespace");
    const uint32_t address = kFirstAddress + static_cast<uint32_t>(hosts_.size());
    auto space = open_file(kOwnSpace, O_RDONLY);
    if (!space) return space.error();
    auto tunnel = open_tunnel(address);
    if (!tunnel) return tunnel.error();
    hosts_.push_back({name, address, std::move(*space), std::move(*tunnel)});
  }
  return {};
}

Network::~Network() {
  ends_ = true;
  if (thread_.joinable()) thread_.join();
  if (home_.valid()) enter(home_);
}

const Network::Host& Network::host(const std::string& name) const {
  const auto found = std::find_if(hosts_.begin(), hosts_.end(),
                                  [&](const Host& host) { return host.name == name; });
  WEIR_CHECK(found != hosts_.end(), "no such host: " + name);
  return *found;
}

std::string Network::address(const std::string& name) const {
  in_addr address{htonl(host(name).address)};
  char text[INET_ADDRSTRLEN];
  return ::inet_ntop(AF_INET, &address, text, sizeof text);
}

void Network::on_host(const std::string& name, const std::function<void()>& work) const {
  enter(host(name).space);
  work();
  enter(host(kConsole).space);
}

// ---- Weather -------------------------------------------------------------------------------

Network::Way Network::way(const std::string& from, const std::string& to) const {
  return {host(from).address, host(to).address};
}

void Network::set(const std::string& from, const std::string& to, const Link& link) {
  const std::lock_guard lock(mutex_);
  traffic_[way(from, to)].link = link;
}

void Network::set_both(const std::string& a, const std::string& b, const Link& link) {
  set(a, b, link);
  set(b, a, link);
}

void Network::set_host(const std::string& name, const Link& out, const Link& in) {
  for (const Host& other : hosts_) {
    if (other.name == name) continue;
    set(name, other.name, out);
    set(other.name, name, in);
  }
}

void Network::heal() {
  const std::lock_guard lock(mutex_);
  for (auto& [way, traffic] : traffic_) traffic.link = {};
}

void Network::forget_connections(const std::string& name) {
  const uint32_t address = host(name).address;
  const std::lock_guard lock(mutex_);
  for (const Connection& one : connections_) {
    if (one.first.first == address || one.second.first == address) forgotten_.insert(one);
  }
}

int64_t Network::carried(const std::string& from, const std::string& to) const {
  const std::lock_guard lock(mutex_);
  const auto found = traffic_.find(way(from, to));
  return found == traffic_.end() ? 0 : found->second.carried;
}

// ---- The thread ----------------------------------------------------------------------------

void Network::carry() {
  std::vector<pollfd> items;
  for (const Host& host : hosts_) items.push_back({host.tunnel.get(), POLLIN, 0});
  std::vector<uint8_t> buffer(kPacketMax);
  int wait_ms = kPollMs;
  while (!ends_) {
    ::poll(items.data(), items.size(), wait_ms);
    const auto now = Clock::now();
    const std::lock_guard lock(mutex_);
    for (const pollfd& item : items) {
      if ((item.revents & POLLIN) == 0) continue;
      ssize_t got;
      while ((got = ::read(item.fd, buffer.data(), buffer.size())) > 0) {
        take({buffer.begin(), buffer.begin() + got}, now);
      }
    }
    wait_ms = deliver_due(Clock::now());
  }
}

void Network::take(std::vector<uint8_t> bytes, Clock::time_point now) {
  if (bytes.size() < kHeaderMin || bytes[0] >> 4 != 4) return;
  Packet packet{{long_at(bytes, kFromAt), long_at(bytes, kToAt)}, std::move(bytes)};
  if (is_forgotten(packet)) return;
  Traffic& traffic = traffic_[packet.way];
  const Link& link = traffic.link;
  if (link.cut) return;
  if (link.loss > 0 && std::uniform_real_distribution<>()(random_) < link.loss) return;
  auto due = now;
  if (link.bytes_per_second > 0) {
    traffic.busy_until = std::max(traffic.busy_until, now);
    if (traffic.busy_until - now > kQueueMax) return;
    traffic.busy_until += std::chrono::nanoseconds(static_cast<int64_t>(packet.bytes.size()) *
                                                   1'000'000'000 / link.bytes_per_second);
    due = traffic.busy_until;
  }
  under_way_.emplace(due + link.delay, std::move(packet));
}

bool Network::is_forgotten(const Packet& packet) {
  const std::vector<uint8_t>& bytes = packet.bytes;
  const size_t tcp = static_cast<size_t>(bytes[0] & 15) * 4;
  if (bytes[kProtocolAt] != kTcp || bytes.size() < tcp + kTcpHeaderMin) return false;
  const End from{packet.way.first, short_at(bytes, tcp)};
  const End to{packet.way.second, short_at(bytes, tcp + 2)};
  const Connection connection = std::minmax(from, to);
  if ((bytes[tcp + kTcpFlagsAt] & kSyn) != 0) forgotten_.erase(connection);
  connections_.insert(connection);
  return forgotten_.contains(connection);
}

// Returns how long there is nothing to do, in milliseconds.
int Network::deliver_due(Clock::time_point now) {
  while (!under_way_.empty() && under_way_.begin()->first <= now) {
    const Packet packet = std::move(under_way_.extract(under_way_.begin()).mapped());
    const auto to = std::find_if(hosts_.begin(), hosts_.end(), [&](const Host& host) {
      return host.address == packet.way.second;
    });
    Traffic& traffic = traffic_[packet.way];
    // A link that was cut meanwhile loses what is under way.
    if (to == hosts_.end() || traffic.link.cut) continue;
    const ssize_t written = ::write(to->tunnel.get(), packet.bytes.data(), packet.bytes.size());
    if (written > 0) traffic.carried += written;
  }
  if (under_way_.empty()) return kPollMs;
  const auto wait = std::chrono::ceil<milliseconds>(under_way_.begin()->first - now).count();
  return static_cast<int>(std::min<int64_t>(wait, kPollMs));
}

}  // namespace weir::e2e
