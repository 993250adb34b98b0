#include "test/e2e/support/wait.h"

#include <gtest/gtest.h>
#include <poll.h>

namespace weir::e2e {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kLookEveryMs = 5;

}  // namespace

bool wait_until(const std::function<bool()>& condition, Limit limit) {
  const auto deadline = Clock::now() + limit;
  while (!condition()) {
    if (Clock::now() >= deadline) return false;
    ::poll(nullptr, 0, kLookEveryMs);
  }
  return true;
}

bool wait_for(const std::string& what, const std::function<bool()>& condition, Limit limit) {
  if (wait_until(condition, limit)) return true;
  ADD_FAILURE() << "waited in vain for: " << what;
  return false;
}

}  // namespace weir::e2e
