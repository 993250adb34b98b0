// A file system in memory, in which a test does what writers and logrotate do, and a follower of
// it.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "wrapper/tail/files.h"
#include "wrapper/tail/reader.h"
#include "wrapper/tail/tracker.h"

namespace weir::tail {

class FakeFiles : public Files {
 public:
  // What is done to it. Folders need not be made. Each change has a later time than the one before.
  void append(const std::string& path, std::string_view text);  // Made if it is not there.
  void write(const std::string& path, std::string_view text);   // As `> path`: in the same file.
  void make(const std::string& path, std::string_view text);    // Another file under this name.
  void rename(const std::string& from, const std::string& to);
  void copy(const std::string& from, const std::string& to);
  void remove(const std::string& path);
  void link(const std::string& target, const std::string& name);  // Symbolic.
  void refuse(const std::string& path, bool refused);  // EACCES at open(), or list() of a folder.
  // Of the very same bytes under another inode and device: restored from somewhere.
  void move_to_another_disk(const std::string& path);
  // Inodes that are free are given away again, the lowest first.
  bool reuses_inodes = true;

  // Writes through what was opened before, as a daemon does.
  class Writer {
   public:
    void append(std::string_view text);
    bool appends = true;  // O_APPEND; else it writes where it was.

   private:
    friend class FakeFiles;
    FakeFiles* files = nullptr;
    std::shared_ptr<struct FakeInode> inode;
    uint64_t at = 0;
  };
  Writer open_for_writing(const std::string& path);

  std::string content(const std::string& path) const;
  bool has(const std::string& path) const { return names_.contains(path); }
  size_t open_handles() const { return handles_.size(); }
  uint64_t reads = 0;

  Result<std::vector<std::string>> list(const std::string& folder) override;
  Result<FileStat> stat(const std::string& path) override;
  Result<std::string> real_path(const std::string& path) override;
  Result<Handle> open(const std::string& path) override;
  void close(Handle handle) override;
  Result<FileStat> stat(Handle handle) override;
  Result<size_t> read(Handle handle, uint64_t offset, std::span<char> room) override;

 private:
  std::shared_ptr<FakeInode> new_inode();
  std::shared_ptr<FakeInode> find(const std::string& path) const;

  std::map<std::string, std::shared_ptr<FakeInode>> names_;
  std::map<std::string, std::string> links_;
  std::set<std::string> refused_;
  std::map<Handle, std::shared_ptr<FakeInode>> handles_;
  Handle next_handle_ = 10;
  uint64_t next_inode_ = 100;
  std::vector<std::weak_ptr<FakeInode>> inodes_;
  int64_t now_ns_ = 1'700'000'000'000'000'000;
};

// A process that follows, and what has been committed of what it said.
class Follow {
 public:
  Follow(FakeFiles& files, FollowOptions options) : files_(files), options_(std::move(options)) {
    start();
  }

  // Looks, and reads all that there is.
  void read();
  // Without a look at names: as when inotify has told of bytes only.
  void read_only();
  // Once; false if there was nothing.
  bool read_one();
  // Killed, and started again from what was committed.
  void restart() { start(); }
  // What it hands on from now on is not committed, but lost with the next restart.
  bool commits = true;
  void pass(std::chrono::milliseconds time) { now_ += time; }

  // All that was committed.
  const std::string& lines() const { return lines_; }
  // What came since the last call.
  std::string news();
  std::vector<std::string> notes;
  std::string notes_text() const;
  std::string error;
  const std::string& token() const { return token_; }
  Tracker& tracker() { return *tracker_; }
  Reader& reader() { return *reader_; }

 private:
  void start();
  void take_notes();

  FakeFiles& files_;
  FollowOptions options_;
  std::unique_ptr<Tracker> tracker_;
  std::unique_ptr<Reader> reader_;
  std::string token_;
  std::string lines_;
  std::string piece_;
  size_t told_ = 0;
  SteadyTime now_{std::chrono::hours(1)};
};

}  // namespace weir::tail
