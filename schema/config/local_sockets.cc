#include "schema/config/local_sockets.h"

namespace weir::config {
namespace {

LocalSockets below(const std::string& folder) {
  return {folder + "/broker/control/socket", folder + "/broker/agent/socket"};
}

}  // namespace

LocalSockets local_sockets(std::string_view runtime_dir) {
  return below(runtime_dir.empty() ? "/run/weir" : std::string(runtime_dir) + "/weir");
}

std::string default_broker(std::string LocalSockets::*which, std::string_view runtime_dir,
                           const std::function<bool(const std::string& path)>& exists) {
  const std::string own = local_sockets(runtime_dir).*which;
  const std::string system = local_sockets({}).*which;
  return "ipc://" + (!exists(own) && exists(system) ? system : own);
}

}  // namespace weir::config
