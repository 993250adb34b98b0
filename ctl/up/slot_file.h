// A few hundred bytes of state that are replaced again and again, in a file whose room is taken
// when it is made: a disk that is full later does not keep them from being replaced.
//
// Two slots are written in turn, so that one of them is whole whatever ends the process or the
// machine in the middle of a write; the newer one counts.
//
// Owns the open file. Thread: any.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "ctl/base/files.h"
#include "schema/base/result.h"
#include "schema/base/unique_fd.h"

namespace weir::ctl {

class SlotFile {
 public:
  // Makes the file if there is none, with room for `bytes_max` bytes; what is there and is no such
  // file is replaced. Errors: kLimit (the disk is full), kIo.
  static Result<SlotFile> open(const std::string& path, size_t bytes_max);

  // What was there when it was opened; empty if nothing ever was written.
  const std::string& content() const { return content_; }
  // At most `bytes_max` bytes. With Sync::kYes they are there after a loss of power too.
  Status write(std::string_view bytes, Sync sync);

 private:
  SlotFile(std::string path, UniqueFd fd, size_t slot_bytes)
      : path_(std::move(path)), fd_(std::move(fd)), slot_bytes_(slot_bytes) {}
  void load();
  Status take_room();

  std::string path_;
  UniqueFd fd_;
  size_t slot_bytes_;
  std::unique_ptr<std::mutex> writing_ = std::make_unique<std::mutex>();
  uint64_t number_ = 0;  // Of the newest slot.
  std::string content_;
};

}  // namespace weir::ctl
