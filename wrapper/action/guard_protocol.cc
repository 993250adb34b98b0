#include "wrapper/action/guard_protocol.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace weir::action {

// u32 argc, u32 envc, then the strings: working directory, argv, environment; each ends in zero.
std::string encode(const SpawnOrder& order) {
  const std::uint32_t counts[2] = {static_cast<std::uint32_t>(order.argv.size()),
                                   static_cast<std::uint32_t>(order.environment.size())};
  std::string bytes(sizeof counts, '\0');
  std::memcpy(bytes.data(), counts, sizeof counts);
  bytes.append(order.working_directory).push_back('\0');
  for (const std::string& arg : order.argv) bytes.append(arg).push_back('\0');
  for (const std::string& entry : order.environment) bytes.append(entry).push_back('\0');
  return bytes;
}

std::optional<SpawnOrder> decode_spawn_order(std::string_view bytes) {
  std::uint32_t counts[2];
  if (bytes.size() < sizeof counts || bytes.size() > kOrderBytesMax) return std::nullopt;
  std::memcpy(counts, bytes.data(), sizeof counts);
  bytes.remove_prefix(sizeof counts);
  std::vector<std::string> strings;
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\0');
    if (end == std::string_view::npos) return std::nullopt;
    strings.emplace_back(bytes.substr(0, end));
    bytes.remove_prefix(end + 1);
  }
  if (strings.size() != std::size_t{1} + counts[0] + counts[1] || counts[0] == 0) {
    return std::nullopt;
  }
  SpawnOrder order;
  order.working_directory = std::move(strings[0]);
  const auto argv = strings.begin() + 1;
  const auto environment = argv + counts[0];
  order.argv.assign(std::make_move_iterator(argv), std::make_move_iterator(environment));
  order.environment.assign(std::make_move_iterator(environment),
                           std::make_move_iterator(strings.end()));
  return order;
}

std::string packet(GuardMessage type, std::uint64_t run, int value, std::string_view body) {
  const GuardHeader header{type, value, run};
  std::string bytes(sizeof header, '\0');
  std::memcpy(bytes.data(), &header, sizeof header);
  bytes.append(body);
  return bytes;
}

int send_packet(int socket, std::string_view bytes, const std::vector<UniqueFd>& fds) {
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(kPacketFdsMax * sizeof(int))] = {};
  if (!fds.empty()) {
    int numbers[kPacketFdsMax];
    const std::size_t count = std::min(fds.size(), kPacketFdsMax);
    for (std::size_t i = 0; i < count; ++i) numbers[i] = fds[i].get();
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(count * sizeof(int));
    std::memcpy(CMSG_DATA(rights), numbers, count * sizeof(int));
  }
  while (::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

PacketReader::Outcome PacketReader::read(int socket, Packet* packet) {
  iovec part{buffer_.data(), buffer_.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(kPacketFdsMax * sizeof(int))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t size = -1;
  do {
    size = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return Outcome::kNothing;
  if (size <= 0) return Outcome::kEnd;

  packet->fds.clear();
  for (cmsghdr* each = CMSG_FIRSTHDR(&message); each != nullptr;
       each = CMSG_NXTHDR(&message, each)) {
    if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (each->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(each) + i * sizeof(int), sizeof fd);
      packet->fds.emplace_back(fd);
    }
  }
  const auto bytes = static_cast<std::size_t>(size);
  const bool cut = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
  if (cut || bytes < sizeof(GuardHeader)) return Outcome::kBroken;
  std::memcpy(&packet->header, buffer_.data(), sizeof(GuardHeader));
  packet->body =
      std::string_view(buffer_.data() + sizeof(GuardHeader), bytes - sizeof(GuardHeader));
  return Outcome::kPacket;
}

}  // namespace weir::action
