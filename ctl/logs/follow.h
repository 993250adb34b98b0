// Lines of a log on standard output as they come, until somebody has had enough.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "ctl/logs/log_source.h"

namespace weir::ctl {

// What is written for a line of a node.
using LineFormat = std::function<std::string(const std::string& node, std::string_view line)>;

// Blocks until a signal comes (exit code 128 + its number), standard output is closed (0), all that
// will ever come is written (0), or what the lines came from has been gone for a while (0, said on
// stderr). An error: it cannot be read.
Result<int> follow_log(LogSource& source, const LineFormat& format);

}  // namespace weir::ctl
