// What has become of a request that changes something: done, or refused with a reason in words.
#pragma once

#include <optional>
#include <string>

#include "broker/core/state.h"
#include "schema/base/result.h"
#include "schema/wire/control.h"

namespace weir::broker {

struct Done {
  std::optional<wire::ActionRef> action;  // What was stored; none: the answer is Ok.
};
using Outcome = Result<Done>;

Error conflict(std::string what);
// kNotFound, with the name that was perhaps meant.
Error no_pipeline(const State& state, const std::string& name);
Error no_agent(const State& state, const std::string& name);

}  // namespace weir::broker
