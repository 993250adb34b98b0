#include "agent/shell/host_boot.h"

#include <fstream>

#include "schema/base/files.h"

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
  return replace_file(note_of(data_dir), this_boot() + '\n', Sync::kNo);
}

}  // namespace weir::agent
