#include "schema/base/log.h"

#include <gtest/gtest.h>

namespace weir::log {
namespace {

// Programs that never call init() log too; stdout is for data.
TEST(Log, GoesToStderrBeforeInitAndAfter) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  warn("before");
  init("name", Level::kInfo);
  warn("after");
  debug("not this");
  const std::string err = testing::internal::GetCapturedStderr();
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_NE(err.find("before"), std::string::npos) << err;
  EXPECT_NE(err.find("warning name: after"), std::string::npos) << err;
  EXPECT_EQ(err.find("not this"), std::string::npos) << err;
}

}  // namespace
}  // namespace weir::log
