// The TCP port of a wrapper's input lanes, the same after a restart: so writers on other hosts find
// it again without the broker (R10).
#pragma once

#include <string>

#include "schema/base/result.h"
#include "schema/runtime/zmq_socket.h"

namespace weir::shell {

// Binds to `endpoint` ("tcp://ADDRESS:*"): to the port in `file`, or, if there is none or somebody
// else has it by now, to any, which is written to `file`. Returns the endpoint with its port.
Result<std::string> bind_to_kept_port(runtime::ZmqSocket& socket, const std::string& endpoint,
                                      const std::string& file);

}  // namespace weir::shell
