#include "schema/base/failpoint.h"

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace weir {
namespace {

struct Armed {
  std::string name;
  uint64_t left = 0;  // 0: none is armed.
};

Armed from_environment() {
  const char* const text = std::getenv("WEIR_FAILPOINT");  // NOLINT(concurrency-mt-unsafe)
  if (text == nullptr) return {};
  Armed armed{text, 1};
  if (const size_t colon = armed.name.find(':'); colon != std::string::npos) {
    armed.left = std::strtoull(armed.name.c_str() + colon + 1, nullptr, 10);
    armed.name.resize(colon);
  }
  return armed;
}

}  // namespace

void failpoint(std::string_view name) {
  static Armed armed = from_environment();
  if (armed.left == 0 || armed.name != name) return;
  if (--armed.left == 0) std::raise(SIGKILL);
}

}  // namespace weir
