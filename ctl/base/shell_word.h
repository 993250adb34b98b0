// A word as it is typed in a shell. Pure.
#pragma once

#include <string>

namespace weir::ctl {

// `word` so that a shell reads it back.
std::string shell_quoted(const std::string& word);

}  // namespace weir::ctl
