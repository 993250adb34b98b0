#include "agent/shell/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "schema/base/files.h"
#include "schema/base/log.h"
#include "schema/base/own_folder.h"
#include "schema/base/unique_fd.h"

namespace weir::agent {
namespace {

constexpr off_t kTailBytes = 4096;
constexpr size_t kLineBytesMax = 2000;
constexpr off_t kOrderBytesMax = 64 << 20;
constexpr size_t kIdentityBytes = 32;  // Hexadecimal digits.
constexpr std::string_view kStoppedWord = "stopped";

// `count` bytes from `from`, or fewer at the end.
Result<std::string> read_part(const std::string& path, off_t from, off_t count) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return errno_error("open " + path, errno);
  std::string bytes(static_cast<size_t>(count), '\0');
  size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t got = ::pread(fd.get(), bytes.data() + have, bytes.size() - have,
                                from + static_cast<off_t>(have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error("read " + path, errno);
    if (got == 0) break;
    have += static_cast<size_t>(got);
  }
  bytes.resize(have);
  return bytes;
}

Result<wire::StartOrder> read_order(const std::string& path) {
  const off_t size = file_size(path);
  if (size > kOrderBytesMax) return Error{ErrorCode::kCorrupt, path + ": too large for an order"};
  auto bytes = read_part(path, 0, size);
  if (!bytes) return std::move(bytes).error();
  auto order = wire::decode_order(*bytes);
  if (!order) return std::move(order).error().in(path);
  return order;
}

// Empty if there is none.
std::string read_identity(const std::string& path) {
  auto bytes = read_part(path, 0, kIdentityBytes);
  return bytes && bytes->size() == kIdentityBytes ? *std::move(bytes) : std::string();
}

// "TIME LEVEL weir-wrapper[...]: message" without what stands in front of the message.
std::string_view without_prefix(std::string_view line) {
  const size_t name = line.find(" weir-wrapper[");
  const size_t end = line.find("]: ");
  if (name == std::string_view::npos || end == std::string_view::npos || end < name) return line;
  return line.substr(end + 3);
}

}  // namespace

Status write_order(const std::string& path, const wire::StartOrder& order) {
  return replace_file(path, wire::encode_order(order), Sync::kContent);
}

Status remove_order(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return errno_error("remove " + path, errno);
  return {};
}

Result<std::vector<wire::StartOrder>> read_orders(const std::string& folder) {
  std::vector<wire::StartOrder> orders;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failed)) {
    const std::string path = entry.path().string();
    if (!path.ends_with(".order")) continue;
    auto order = read_order(path);
    if (order) {
      orders.push_back(std::move(*order));
    } else {
      log::error(order.error().what + "; kept as *.bad");
      std::rename(path.c_str(), (path + ".bad").c_str());
    }
  }
  if (failed) return Error{ErrorCode::kIo, "read folder " + folder + ": " + failed.message()};
  return orders;
}

Result<std::string> identity_of(const Layout& layout, bool has_orders) {
  const std::string logs = read_identity(layout.identity_of_logs_file());
  const std::string own = read_identity(layout.identity_file());
  if (!logs.empty() && logs == own) return own;
  if (has_orders) {
    return Error{ErrorCode::kNotFound,
                 layout.wal_dir() + " does not hold the logs of which " + layout.orders_dir() +
                     " speaks: is their disk mounted? If it is lost for good, remove the latter, " +
                     "and the agent begins anew"};
  }
  const auto high = random_number();
  const auto low = random_number();
  if (!high || !low) return high ? low.error() : high.error();
  char text[kIdentityBytes + 1];
  std::snprintf(text, sizeof text, "%016" PRIx64 "%016" PRIx64, *high, *low);
  if (auto made = make_folders(layout.wal_dir(), 0700); !made) return Error(made.error());
  for (const std::string& path : {layout.identity_of_logs_file(), layout.identity_file()}) {
    if (auto written = replace_file(path, text, Sync::kYes); !written)
      return Error(written.error());
  }
  return std::string(text);
}

Status check_identity(const Layout& layout, const std::string& identity) {
  if (read_identity(layout.identity_of_logs_file()) == identity) return {};
  return Error{ErrorCode::kNotFound,
               layout.wal_dir() + " does not hold the logs with which the agent was started: is " +
                   "their disk mounted?"};
}

Starts read_starts(const std::string& path) {
  std::ifstream file(path);
  Starts starts;
  if (!(file >> starts.count)) return {};
  std::string word;
  starts.as_told = file >> word && word == kStoppedWord;
  return starts;
}

void write_starts(const std::string& path, const Starts& starts) {
  const std::string text =
      std::to_string(starts.count) + (starts.as_told ? ' ' + std::string(kStoppedWord) : "") + '\n';
  if (Status written = replace_file(path, text, Sync::kNo); !written) {
    log::warn(written.error().what);
  }
}

uint64_t free_bytes(const std::string& folder) {
  struct statvfs info {};
  if (::statvfs(folder.c_str(), &info) != 0) return 0;
  return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
}

off_t file_size(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? info.st_size : 0;
}

std::string last_line(const std::string& path, off_t from) {
  const off_t size = file_size(path);
  if (from > size) from = 0;  // It was rotated meanwhile.
  const off_t begin = std::max(from, size - kTailBytes);
  if (begin >= size) return {};
  auto tail = read_part(path, begin, size - begin);
  if (!tail) return {};
  const size_t end = tail->find_last_not_of(" \r\n");
  if (end == std::string::npos) return {};
  std::string_view line = std::string_view(*tail).substr(0, end + 1);
  if (const size_t start = line.rfind('\n'); start != std::string_view::npos) {
    line.remove_prefix(start + 1);
  }
  return std::string(without_prefix(line).substr(0, kLineBytesMax));
}

void rotate_log(const std::string& path, off_t limit_bytes) {
  if (file_size(path) >= limit_bytes) std::rename(path.c_str(), (path + ".1").c_str());
}

}  // namespace weir::agent
