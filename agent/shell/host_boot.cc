#include "agent/shell/host_boot.h"

#include <cstdio>
#include <fstream>

namespace weir::agent {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string this_boot() { return first_line("/proc/sys/kernel/random/boot_id"); }
std::string note_of(const std::string& data_dir) { return data_dir + "/boot_id"; }

}  // namespace

bool is_noted_boot(const std::string& data_dir) {
  const std::string boot = this_boot();
  return boot.empty() || boot == first_line(note_of(data_dir));
}

// Not synced: what a power cut takes of it makes the agent wait, and after that it would wait
// anyway.
Status note_this_boot(const std::string& data_dir) {
  const std::string path = note_of(data_dir);
  const std::string temporary = path + ".tmp";
  std::ofstream file(temporary, std::ios::trunc);
  file << this_boot() << '\n';
  file.close();
  if (!file || std::rename(temporary.c_str(), path.c_str()) != 0) {
    return errno_error("write " + path, errno);
  }
  return {};
}

}  // namespace weir::agent
