// The seam between `weirctl logs` and where the lines come from: the files of a data folder, or the
// agents of a cluster.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "schema/base/result.h"

namespace weir::ctl {

class LogSource {
 public:
  // A line with its newline, as it was written.
  using OnLine = std::function<void(const std::string& node, std::string_view line)>;
  enum class Progress {
    kMore,     // There is more at once.
    kDrained,  // That was all for now.
  };

  virtual ~LogSource() = default;

  // Hands out what has come. kNotFound: what the lines came from is gone, for now at least.
  virtual Result<Progress> poll(const OnLine& on_line) = 0;
  // True if nothing more comes once what is there now is handed out: what wrote it is complete.
  virtual bool is_complete() { return false; }
  // Hands out the beginnings of lines that nothing more is expected of, each with a newline.
  virtual void finish(const OnLine& on_line) = 0;
};

}  // namespace weir::ctl
