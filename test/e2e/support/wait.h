// Waiting for what others do: the one way in which end-to-end tests do it. Thread: any.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "test/e2e/support/slowdown.h"

namespace weir::e2e {

using Limit = std::chrono::milliseconds;
// Generous: a machine may be busy with other things. Only a hang should meet it.
inline constexpr Limit kWaitLimit{kSlowdown * 60'000};

// Looks again and again until the condition holds. False: the limit has come.
bool wait_until(const std::function<bool()>& condition, Limit limit = kWaitLimit);
// The same; a failure of the test if it does not come in time, which says what was waited for.
bool wait_for(const std::string& what, const std::function<bool()>& condition,
              Limit limit = kWaitLimit);

}  // namespace weir::e2e
