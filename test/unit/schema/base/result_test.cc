#include "schema/base/result.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

namespace weir {
namespace {

TEST(Result, HoldsAValue) {
  Result<int> result = 7;
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(*result, 7);
}

TEST(Result, MovesOutOfARvalue) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(3);
  std::unique_ptr<int> taken = *std::move(result);
  EXPECT_EQ(*taken, 3);
}

TEST(Result, ContextGoesInFront) {
  Result<int> result = Error{ErrorCode::kCorrupt, "bad magic"}.in("block 41");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().what, "block 41: bad magic");
  EXPECT_EQ(to_string(result.error().code), "corrupt");
}

TEST(Result, ErrnoTextIsKept) {
  const Error error = errno_error("open /nowhere", ENOENT);
  EXPECT_EQ(error.code, ErrorCode::kNotFound);
  EXPECT_EQ(error.what, "open /nowhere: No such file or directory");
}

TEST(ResultDeathTest, ValueOfAnErrorAborts) {
  Result<int> result = Error{ErrorCode::kInvalid, "the reason"};
  EXPECT_DEATH((void)result.value(), "the reason");
}

}  // namespace
}  // namespace weir
