// What the wrapper and its guard say to one another, over a SOCK_SEQPACKET pair: one message a
// packet. Both are of the same build on the same host, so numbers are the machine's own.
//
//   message = Header, body
//
//   wrapper -> guard
//     kSpawn       value: flags; body: SpawnOrder (in a memfd with kBodyInMemfd, if it is long);
//                  descriptors by SCM_RIGHTS: [memfd,] [stdin read, stdin write,]
//                  stdout write, stdout read, stderr write, stderr read.
//                  The program gets its three; the guard keeps the other ends, so that neither
//                  the end of input nor a closed reader can be seen when the wrapper dies.
//     kCloseStdin  the guard closes its stdin write end: the end of input, said by the wrapper
//     kCloseStdout the guard closes its stdout read end: the reader wants no more
//     kKill        value: a signal for each process of the run
//     kEndRun      kill what is left of the run
//     (end of file) the wrapper is gone or stops: kill all, then let go of everything
//
//   guard -> wrapper
//     kWaiting     another guard holds the lock
//     kReady       body: the folder of the guard's cgroup, or nothing
//     kStarted     value: pid
//     kStartFailed value: errno; body: text. The last of the run
//     kExited      value: wait status of the main program; body: kOutOfMemory, or nothing
//     kTreeGone    nothing of the run is left. The last of the run
//     kEnded       kExited and kTreeGone in one, as it mostly is: one wake-up of the wrapper less
//
// The guard is started with: 3 the socket, 4 the lock file (not yet locked), 5.. kept open;
// arguments: the path of the lock file, for those who look at ps, --no-cgroup, and --oom-file FILE
// (see oom_kills.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/unique_fd.h"

namespace weir::action {

enum class GuardMessage : std::uint32_t {
  kSpawn = 1,
  kCloseStdin,
  kCloseStdout,
  kKill,
  kEndRun,
  kWaiting = 101,
  kReady,
  kStarted,
  kStartFailed,
  kExited,
  kTreeGone,
  kEnded,
};

struct GuardHeader {
  GuardMessage type;
  std::int32_t value;
  std::uint64_t run;
};
static_assert(sizeof(GuardHeader) == 16);

// The kernel has killed for lack of memory while the run that it killed was under way.
inline constexpr std::string_view kOutOfMemory = "oom";

// Flags of kSpawn.
inline constexpr int kHasStdin = 1;
inline constexpr int kBodyInMemfd = 2;
inline constexpr int kCleanEnvironment = 4;

inline constexpr int kGuardControlFd = 3;
inline constexpr int kGuardLockFd = 4;
inline constexpr int kGuardKeepFd = 5;

// Runs that may be open at a time in one guard.
inline constexpr std::size_t kRunsMax = 16;
// A longer body goes into a memfd: a packet must fit into the socket's buffer.
inline constexpr std::size_t kPacketBytesMax = 32 * 1024;
// Above what the kernel takes for arguments and environment together.
inline constexpr std::size_t kOrderBytesMax = 8 << 20;
inline constexpr std::size_t kPacketFdsMax = 8;

struct SpawnOrder {
  std::vector<std::string> argv;
  std::vector<std::string> environment;
  std::string working_directory;
};

// Strings must not contain a zero byte; the kernel could not take them either.
std::string encode(const SpawnOrder& order);
std::optional<SpawnOrder> decode_spawn_order(std::string_view bytes);

std::string packet(GuardMessage type, std::uint64_t run, int value, std::string_view body = {});

// Sends without blocking and without SIGPIPE. 0, or an errno (EAGAIN: no room now).
int send_packet(int socket, std::string_view bytes, const std::vector<UniqueFd>& fds);

struct Packet {
  GuardHeader header;
  std::string_view body;  // Into the reader's buffer.
  std::vector<UniqueFd> fds;
};

// Reads packets without blocking.
class PacketReader {
 public:
  enum class Outcome { kPacket, kNothing, kEnd, kBroken };
  Outcome read(int socket, Packet* packet);

 private:
  std::vector<char> buffer_ = std::vector<char>(sizeof(GuardHeader) + kPacketBytesMax + 1);
};

}  // namespace weir::action
