#include "wrapper/shell/kept_port.h"

#include <cstdint>
#include <fstream>
#include <optional>

#include "schema/base/files.h"
#include "schema/base/log.h"

namespace weir::shell {
namespace {

std::optional<uint16_t> read_port(const std::string& path) {
  std::ifstream file(path);
  uint16_t port = 0;
  if (!(file >> port) || port == 0) return std::nullopt;
  return port;
}

// Not synced: without it writers wait for the broker to tell them the new one.
void write_port(const std::string& path, const std::string& port) {
  if (Status written = replace_file(path, port + '\n', Sync::kNo); !written) {
    log::warn("the port of the lanes cannot be kept: " + written.error().what);
  }
}

}  // namespace

Result<std::string> bind_to_kept_port(runtime::ZmqSocket& socket, const std::string& endpoint,
                                      const std::string& file) {
  if (const auto port = read_port(file); port && endpoint.ends_with(":*")) {
    const std::string kept = endpoint.substr(0, endpoint.size() - 1) + std::to_string(*port);
    if (Result<std::string> bound = socket.bind(kept)) return bound;
    log::warn("port " + std::to_string(*port) + " is not free any more: taking another one");
  }
  Result<std::string> bound = socket.bind(endpoint);
  if (bound) write_port(file, bound->substr(bound->rfind(':') + 1));
  return bound;
}

}  // namespace weir::shell
