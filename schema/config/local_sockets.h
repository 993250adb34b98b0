// Where the broker of this host is reached without a network:
//
//   $XDG_RUNTIME_DIR/weir/broker/control/socket   weirctl
//   $XDG_RUNTIME_DIR/weir/broker/agent/socket     agents
//
// or below /run/weir where there is no XDG_RUNTIME_DIR. Who may enter the folder may do everything:
// its owner (0700), or also the members of its group (0750). Pure.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace weir::config {

// Absolute paths.
struct LocalSockets {
  std::string control;
  std::string agent;
};

// Where a broker listens by default. `runtime_dir`: XDG_RUNTIME_DIR; empty: there is none.
LocalSockets local_sockets(std::string_view runtime_dir);

// The default endpoint of whoever connects, `which` being &LocalSockets::control or
// &LocalSockets::agent: the user's own broker if its socket is there, else the system's if that is,
// else the first of them that there could be.
std::string default_broker(std::string LocalSockets::*which, std::string_view runtime_dir,
                           const std::function<bool(const std::string& path)>& exists);

}  // namespace weir::config
