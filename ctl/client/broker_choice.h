// Which broker a command talks to: --broker, WEIR_BROKER, a configuration file, or the default, in
// this order.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/result.h"

namespace weir::ctl {

struct BrokerChoice {
  std::string endpoint;
  std::string from;  // "--broker", "WEIR_BROKER", the path of a file; empty: the default.
};

struct BrokerSources {
  std::string option;
  std::string environment;
  std::vector<std::string> files;     // The first that is there and names a broker decides.
  std::string default_endpoint = {};  // The local socket; see schema/config/local_sockets.h.
};

// kInvalid with all that is wrong, printable: what was named is no endpoint, or a file that was
// asked has mistakes. Files behind the first answer are not looked at.
Result<BrokerChoice> choose_broker(const BrokerSources& sources);

// ~/.config/weir/weirctl.toml (or below XDG_CONFIG_HOME), /etc/weir/weirctl.toml.
std::vector<std::string> config_files(
    const std::function<std::string(const char* name)>& environment);

}  // namespace weir::ctl
