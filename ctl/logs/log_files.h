// The files into which wrappers and their programs' stderr are logged, NODE.INSTANCE.stderr and
// NODE.INSTANCE.wrapper.log, as a source of lines. Files that come later are found.
//
// Owns the open files. Thread: one.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ctl/logs/line_file.h"
#include "ctl/logs/log_source.h"

namespace weir::ctl {

inline constexpr std::string_view kStderrSuffix = ".stderr";
inline constexpr std::string_view kWrapperLogSuffix = ".wrapper.log";

struct LogFilesConfig {
  // The folders where the files are, or will be. Asked at each look.
  std::function<Result<std::vector<std::string>>()> folders;
  std::string_view suffix = kStderrSuffix;
  // Only these nodes, in this order; empty: all.
  std::vector<std::string> nodes{};
  // What lines of an instance are handed out under.
  std::function<std::string(const std::string& node, uint32_t instance)> label =
      [](const std::string& node, uint32_t /*instance*/) { return node; };
  // Of each file that is there at the first look only so many last lines.
  std::optional<size_t> tail{};
  bool follow = true;  // False: what is there at the first look is all that is wanted.
  std::function<bool()> is_complete{};  // Nothing is written to them any more.
};

class LogFiles : public LogSource {
 public:
  explicit LogFiles(LogFilesConfig config) : config_(std::move(config)) {}

  // One file that cannot be read does not keep the others from being read.
  Result<Progress> poll(const OnLine& on_line) override;
  bool is_complete() override { return config_.is_complete && config_.is_complete(); }
  void finish(const OnLine& on_line) override;

 private:
  struct File {
    std::string label;
    LineFile lines;
  };

  Status find_files();
  Status find_files_in(const std::string& folder);
  Status add(const std::string& path, std::string label, size_t rank);
  Result<bool> poll_file(File& file, const OnLine& on_line) const;

  LogFilesConfig config_;
  std::map<std::pair<size_t, std::string>, File> files_;  // By the node's place and the path.
  bool looked_ = false;
};

}  // namespace weir::ctl
