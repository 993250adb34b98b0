// What inotify says of folders. Where it says nothing (network file systems, too many watches)
// files are looked at more often. Thread: one.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "schema/base/unique_fd.h"

namespace weir::tail {

class Watcher {
 public:
  // Between two looks where changes are told, and where they are not.
  static constexpr std::chrono::milliseconds kSlowLook{5000};
  static constexpr std::chrono::milliseconds kFastLook{1000};

  Watcher();

  // Watches these and no others. A folder that is not there yet is tried again with the next call.
  void watch(const std::set<std::string>& folders);
  int fd() const { return inotify_.get(); }  // -1: there is none.

  struct Events {
    std::function<void(const std::string& path)> bytes_changed;
    std::function<void()> names_changed;
  };
  // Tells what has happened. Without blocking.
  void read(const Events& events);

  // How long it may take until a change is seen that nobody tells of.
  std::chrono::milliseconds look_interval() const { return tells_all_ ? kSlowLook : kFastLook; }
  // Why changes are looked for each second; empty: they are not. Once.
  std::string take_reason() { return std::exchange(reason_, {}); }

 private:
  void cannot(const std::string& folder, const std::string& why);

  UniqueFd inotify_;
  std::map<int, std::string> folders_;  // By watch.
  bool tells_all_ = true;
  bool reason_told_ = false;
  std::string reason_;
};

}  // namespace weir::tail
