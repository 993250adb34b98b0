// A log as `wal verify` and `wal dump` print it for people. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "schema/base/result.h"

namespace weir::ctl {

// An answer of weir-wrapper (wrapper/inspect/log_verify.h, log_dump.h). kCorrupt: it is none.
Result<nlohmann::ordered_json> read_log_answer(const std::string& text);

// Whole lines. Errors: kCorrupt: fields are missing, or are not what they should be.
Result<std::string> verified_text(const nlohmann::ordered_json& log);
Result<std::string> dump_text(const nlohmann::ordered_json& log);

}  // namespace weir::ctl
