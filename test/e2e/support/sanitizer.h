// In a build with sanitizers: their reports about the processes of a test, which would otherwise be
// lines in the log of a wrapper that nobody reads. In other builds there are none.
#pragma once

#include <string>
#include <vector>

namespace weir::e2e {

// For what a test starts: reports go to files in this folder, which has to be there.
std::vector<std::string> sanitizer_environment(const std::string& folder);
// All that was reported there, or "".
std::string sanitizer_reports(const std::string& folder);

}  // namespace weir::e2e
