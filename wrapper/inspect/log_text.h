// What a log holds, in words and as JSON. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "schema/edge/history.h"
#include "schema/wire/block.h"
#include "wrapper/core/state.h"

namespace weir::inspect {

using Json = nlohmann::ordered_json;

// "records 1.1.41 to 1.1.60", "the commit", "history and inputs": what a run of keys stands for.
std::string affected_by(std::string_view first_key, std::string_view last_key);

// {"pipeline", "node", "instance"}; empty ones if the log does not say whose it is.
Json identity_of(const core::LogState& state);
// All but identity, blocks and dead letters.
Json to_json(const core::LogState& state);
// {"first", "last", "records", "bytes", "flags", "shape"}
Json to_json(const wire::BlockHeader& header);
// The history as a wrapper that opens the log takes it up: the newest entry reaches as far as the
// last commit says.
edge::History history_of(const core::LogState& state);

}  // namespace weir::inspect
