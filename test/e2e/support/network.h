// Hosts on one machine, for tests: each is a network namespace with one interface, and what its
// kernel sends passes through this process, which carries, delays or drops it.
//
// Nothing of it has a name outside: when the process dies, however it dies, namespaces and
// interfaces are gone; and the machine's own network is never touched.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "schema/base/result.h"
#include "schema/base/unique_fd.h"

namespace weir::e2e {

// What happens to packets on their way from one host to another.
struct Link {
  bool cut = false;
  double loss = 0;  // Of the packets, 0 to 1.
  std::chrono::milliseconds delay{0};
  int64_t bytes_per_second = 0;  // 0: no limit. What does not fit into its queue is dropped.
};

class Network {
 public:
  // The calling thread is on the host kConsole until the network goes. Sockets and threads that it
  // makes meanwhile belong there too. Errors: no root, no namespaces, no TUN devices.
  static Result<std::unique_ptr<Network>> create(const std::vector<std::string>& hosts,
                                                 uint64_t seed);
  static constexpr const char* kConsole = "console";

  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;
  ~Network();

  std::string address(const std::string& host) const;
  // With the calling thread on that host: what is started there stays there.
  void on_host(const std::string& host, const std::function<void()>& work) const;

  // One direction. The two ends are told nothing.
  void set(const std::string& from, const std::string& to, const Link& link);
  void set_both(const std::string& a, const std::string& b, const Link& link);
  // From this host to all others (`out`), and from all others to it (`in`).
  void set_host(const std::string& host, const Link& out, const Link& in);
  // All links are as they were in the beginning.
  void heal();
  // Swallows from now on what belongs to the connections that this host has, and carries new ones:
  // as behind a firewall that was restarted. Each end believes that the other one is still there.
  void forget_connections(const std::string& host);

  // Bytes that arrived.
  int64_t carried(const std::string& from, const std::string& to) const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Host {
    std::string name;
    uint32_t address;  // In the machine's byte order, as all addresses here.
    UniqueFd space;
    UniqueFd tunnel;
  };
  // A TCP connection by its two ends, the lower one first.
  using End = std::pair<uint32_t, uint16_t>;
  using Connection = std::pair<End, End>;
  using Way = std::pair<uint32_t, uint32_t>;
  struct Traffic {
    Link link;
    Clock::time_point busy_until{};
    int64_t carried = 0;
  };
  struct Packet {
    Way way;
    std::vector<uint8_t> bytes;
  };

  explicit Network(uint64_t seed) : random_(seed) {}
  Status open(const std::vector<std::string>& hosts);
  const Host& host(const std::string& name) const;
  Way way(const std::string& from, const std::string& to) const;

  // The thread's.
  void carry();
  void take(std::vector<uint8_t> bytes, Clock::time_point now);
  bool is_forgotten(const Packet& packet);
  int deliver_due(Clock::time_point now);

  UniqueFd home_;  // The namespace that the calling thread came from.
  std::deque<Host> hosts_;
  mutable std::mutex mutex_;  // Of what follows, up to the thread.
  std::map<Way, Traffic> traffic_;
  std::set<Connection> connections_;
  std::set<Connection> forgotten_;
  std::multimap<Clock::time_point, Packet> under_way_;
  std::mt19937_64 random_;
  std::atomic<bool> ends_ = false;
  std::thread thread_;
};

}  // namespace weir::e2e
