#include "test/e2e/support/sanitizer.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "test/e2e/support/slowdown.h"

namespace weir::e2e {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFile = "sanitizer-report";
constexpr const char* kOptions[] = {"TSAN_OPTIONS", "ASAN_OPTIONS", "UBSAN_OPTIONS",
                                    "LSAN_OPTIONS"};

}  // namespace

std::vector<std::string> sanitizer_environment(const std::string& folder) {
  std::vector<std::string> environment;
  if (!kSanitized) return environment;
  for (const char* name : kOptions) {
    const char* set = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
    environment.push_back(std::string(name) + "=" + (set == nullptr ? "" : set) +
                          ":log_path=" + folder + "/" + kFile);
  }
  return environment;
}

std::string sanitizer_reports(const std::string& folder) {
  std::ostringstream all;
  if (!kSanitized) return all.str();
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (!entry.path().filename().string().starts_with(kFile)) continue;
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      // LeakSanitizer looks at all threads as a process ends, and one may have ended meanwhile.
      if (line.find("Unable to get registers from thread") != std::string::npos) continue;
      all << entry.path().string() << ": " << line << "\n";
    }
  }
  return all.str();
}

}  // namespace weir::e2e
