// Endpoints: what is one, and where a process may listen. Nothing between hosts is encrypted or
// authenticated yet (design 7), so what others could reach is refused unless the user says that he
// knows.
#pragma once

#include <string_view>

#include "schema/base/result.h"

namespace weir::config {

// An address at which other hosts reach this one: "10.0.0.5", "[2001:db8::5]"; a number, because it
// is listened at. kInvalid says what to do.
Status check_address(std::string_view address, bool insecure);

// An endpoint at which a broker is reached: "tcp://HOST:PORT" or "ipc:///PATH". kInvalid.
Status check_broker(std::string_view endpoint);

// An endpoint to listen at: "tcp://ADDRESS:PORT", "tcp://ADDRESS:*" or "ipc://PATH". kInvalid says
// what to do.
Status check_listen(std::string_view endpoint, bool insecure);

}  // namespace weir::config
