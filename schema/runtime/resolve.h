// Endpoints by name: "tcp://HOST:PORT" with a name for HOST.
#pragma once

#include <string>
#include <vector>

#include "schema/base/result.h"

namespace weir::runtime {

// Whether HOST is a name, so that resolve() asks a name server, which may take seconds. Local
// endpoints, addresses and "*" are not.
bool needs_resolving(const std::string& endpoint);

// The endpoint with each of the addresses that its name has, of both families, in the system's
// order of preference; what needs no resolving is returned as it is. Blocks; any thread.
// kNotFound: the name has no address, with the resolver's words.
Result<std::vector<std::string>> resolve(const std::string& endpoint);

}  // namespace weir::runtime
