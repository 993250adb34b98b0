#include "ctl/base/shell_word.h"

#include <gtest/gtest.h>

namespace weir::ctl {
namespace {

TEST(ShellQuoted, ReadsBack) {
  EXPECT_EQ(shell_quoted("plain/path-1.toml"), "plain/path-1.toml");
  EXPECT_EQ(shell_quoted("'seq 3' ; 'wc'"), "\"'seq 3' ; 'wc'\"");
  EXPECT_EQ(shell_quoted("'echo $HOME'"), "''\\''echo $HOME'\\'''");
  EXPECT_EQ(shell_quoted(""), "\"\"");
}

}  // namespace
}  // namespace weir::ctl
