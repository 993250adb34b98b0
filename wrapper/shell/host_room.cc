#include "wrapper/shell/host_room.h"

#include <sys/statvfs.h>

#include <fstream>

namespace weir::shell {
namespace {

std::optional<uint64_t> free_disk(const std::string& folder) {
  struct statvfs info {};
  if (::statvfs(folder.c_str(), &info) != 0) return std::nullopt;
  return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
}

std::optional<uint64_t> available_memory(const std::string& path) {
  std::ifstream file(path);
  for (std::string name; file >> name;) {
    uint64_t kib = 0;
    if (name == "MemAvailable:" && file >> kib) return kib << 10;
  }
  return std::nullopt;
}

}  // namespace

core::Room room_of(const std::string& log_dir, const std::string& memory_file) {
  return {free_disk(log_dir), available_memory(memory_file)};
}

}  // namespace weir::shell
