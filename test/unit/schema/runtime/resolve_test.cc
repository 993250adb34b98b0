#include "schema/runtime/resolve.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace weir::runtime {
namespace {

TEST(Resolve, NumbersAndPathsAreLeftAsTheyAre) {
  for (const char* endpoint : {"tcp://127.0.0.1:7700", "tcp://[::1]:7700", "tcp://*:7700",
                               "tcp://127.0.0.1:*", "ipc:///run/weir/broker", "ipc://a:b"}) {
    EXPECT_FALSE(needs_resolving(endpoint)) << endpoint;
    const auto resolved = resolve(endpoint);
    ASSERT_TRUE(resolved) << endpoint;
    EXPECT_EQ(*resolved, std::vector<std::string>{endpoint});
  }
}

TEST(Resolve, ANameHasAllItsAddressesWithThePort) {
  ASSERT_TRUE(needs_resolving("tcp://localhost:7700"));
  const auto resolved = resolve("tcp://localhost:7700");
  ASSERT_TRUE(resolved) << resolved.error().what;
  EXPECT_TRUE(std::all_of(resolved->begin(), resolved->end(), [](const std::string& one) {
    return one == "tcp://127.0.0.1:7700" || one == "tcp://[::1]:7700";
  }));
  EXPECT_EQ(resolve("tcp://localhost:*")->size(), resolved->size());
}

TEST(Resolve, AnUnknownNameIsNotFoundAndNamed) {
  const auto resolved = resolve("tcp://no-such-host.invalid:7700");
  ASSERT_FALSE(resolved);
  EXPECT_EQ(resolved.error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(resolved.error().what.starts_with("cannot resolve the name 'no-such-host.invalid': "))
      << resolved.error().what;
}

}  // namespace
}  // namespace weir::runtime
