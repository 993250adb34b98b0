// Which files are followed, and what it means when names and files change (docs/sources.md).
//
// A path is followed; over time it leads to several files. A file is a device and an inode, and
// what its bytes up to the offset begin and end with (Print): so it is found again when it was
// renamed, and known for another one when it was truncated, or its inode used again.
//
//   new --look()--> open, at its path --renamed, or its path leads elsewhere--> open, rotated
//                         |    ^                                                   |
//              truncated()'----'            at its end, and nameless or one of many '--> forgotten
//
// Pure but for Files, which it reads synchronously. What survives a crash is position(), with which
// the next one is begun. Thread: one.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/result.h"
#include "wrapper/tail/files.h"
#include "wrapper/tail/position.h"

namespace weir::tail {

using SteadyTime = std::chrono::steady_clock::time_point;

struct FollowOptions {
  std::vector<std::string> paths;  // Patterns too.
  // Of files that are there when it is begun for the very first time: what comes from now on. Those
  // that appear later are read from their beginning.
  bool from_end = false;
  bool follow = true;  // Else it is done when all files are read to their ends.
  char delimiter = '\n';
};

struct TrackedFile {
  std::string path;       // That led to it when it was found.
  std::string name;       // Where it is now; empty: nowhere that is looked at.
  std::string real_name;  // Without symbolic links.
  FileId id;
  Handle handle = kNoHandle;

  uint64_t offset = 0;   // All before it is handed on.
  Print print;           // Of what lies before the offset ...
  PrintBytes before;     // ... and that itself, while it is open.
  uint64_t scanned = 0;  // There is no delimiter from the offset up to here.

  uint64_t bytes = 0;  // FileStat, when it was looked at last.
  int64_t changed_ns = 0;
  uint64_t links = 1;
  int64_t changed_before_ns = 0;  // The change before that one.

  bool has_more = false;                  // It may have something to read.
  bool rotated = false;                   // Its path leads to another file, or to none.
  bool copy = false;                      // What lies before the offset is another file's.
  bool truncated = false;                 // Zeros at its beginning are a hole, and no record.
  bool ending = false;                    // Its last line is taken without its delimiter.
  bool was_at_end = false;                // Of one that is not open: nothing was left to read.
  bool told_at_end = false;               // The position that was handed on says so.
  std::optional<SteadyTime> quiet_since;  // At its end.

  bool is_open() const { return handle != kNoHandle; }
  bool is_at_end() const { return is_open() ? !has_more : was_at_end; }
  // More of it is handed on.
  void advance(std::string_view bytes_read) {
    PrintBytes more = std::move(before);
    more.add(bytes_read);
    begin_after(offset + bytes_read.size(), std::move(more));
  }
  void begin_after(uint64_t to, PrintBytes bytes_before) {
    offset = scanned = to;
    before = std::move(bytes_before);
    print = before.print();
  }
};

class Tracker {
 public:
  // How long nothing more comes from a file without a name before it is forgotten.
  static constexpr std::chrono::seconds kLinger{5};
  // Files that a path led to before may still be written to: so many of them are followed on.
  static constexpr size_t kRotatedMax = 4;
  // Known as old beside them (OldFile), of one path.
  static constexpr size_t kOldMax = 64;
  // So many bytes tell a file by its content alone.
  static constexpr uint32_t kContentBytesMin = 256;

  using OneFile = std::unique_ptr<TrackedFile>;
  // All that a path has led to, the oldest first.
  struct Path {
    std::vector<OneFile> files;
    std::vector<OldFile> old;
    int64_t seen_ns = 0;
    // It led to another file lately: so many looks search for what it led to before.
    int looks_again = 0;
    Period looked_for;
  };

  // `token` is that of the position that was committed last; empty at the very beginning. `files`
  // must outlive it. Errors: those of decode().
  static Result<Tracker> begin(FollowOptions options, Files& files, std::string_view token);
  Tracker(Tracker&&) = default;
  ~Tracker();

  // At names and sizes. What is found to have more to read is so marked.
  void look(SteadyTime now);
  // Bytes of what has this name changed. True if only look() can tell what it means.
  bool touched(const std::string& path);

  const FollowOptions& options() const { return options_; }
  std::map<std::string, Path>& paths() { return paths_; }
  // As it would be committed with what was read last.
  std::string position() const;
  // It changed, and nothing that was read says so. Forgets it.
  bool take_moved() { return std::exchange(moved_, false); }
  void set_moved() { moved_ = true; }
  // In which something that matters may happen.
  const std::set<std::string>& folders() const { return folders_; }
  // What is to be told, a line each. Forgets them.
  std::vector<std::string> take_notes() { return std::exchange(notes_, {}); }
  // Something that is wrong with a path was told, and is so still.
  bool has_troubles() const { return !troubles_.empty(); }

  // ---- for the reader
  // Nothing if it cannot be read, which is told, and tried again at the next look; fewer bytes at
  // its end.
  std::optional<size_t> read(TrackedFile& file, uint64_t offset, std::span<char> room);
  // Brings its size up to date; false if it cannot be read.
  bool refresh(TrackedFile& file);
  // Its bytes before the offset are what they were. Ask when the next ones have been read.
  bool is_unchanged(TrackedFile& file);
  // It is not what it was: begins at its start again, after what was not read of what it was, if
  // there is a copy of that.
  void truncated(TrackedFile& file);
  // It holds nothing that could be read as lines. `file` is gone afterwards.
  void ignore_compressed(TrackedFile& file);

 private:
  struct Listing {
    bool is_whole = true;  // Everything in it could be looked at.
    std::map<std::string, FileStat> files;
  };

  Tracker(FollowOptions options, Files& files);

  void find_paths();
  void look_at_open_files();
  void reopen_all();
  bool reopen(const std::string& path, TrackedFile& file);
  bool adopt_by_content(const std::string& path, TrackedFile& file);
  void gone(const std::string& path, TrackedFile& file);
  void look_at_paths();
  void look_at_path(const std::string& path, const FileStat& stat);
  void check_originals_of(const std::string& name);
  TrackedFile* add_file(const std::string& path);
  void begin_at_end(TrackedFile& file);
  void lost_its_name(const std::string& path);
  // Files that the path led to, or copies of what was in the one that it leads to.
  // `current` is that one, if it is open: they come in front of it.
  enum class Unseen { kRenamed, kCopied };
  void find_unseen(const std::string& path, Unseen how, const Period& changed,
                   const TrackedFile* current);
  static int64_t unseen_since(const Path& known);
  OneFile open_unseen(const std::string& name);
  void insert_rotated(const std::string& path, OneFile file, const TrackedFile* before);
  bool is_copy_of_any(const TrackedFile& file, const Path& known);
  static void add_old(Path& known, const OldFile& file);
  static bool is_old(const Path& known, const FileStat& stat);
  void tell_of_compressed(const std::string& path, int64_t since_ns);
  void remember_siblings(const std::string& path, const TrackedFile* original);
  void look_at_copies();
  void find_names();
  bool is_copy(const TrackedFile& file, const std::string& name);
  bool begins_like(const TrackedFile& original, const TrackedFile& file);
  void forget_old_ones(SteadyTime now);
  bool may_forget(const TrackedFile& file, size_t newer, SteadyTime now) const;

  void begin_again(TrackedFile& file, const std::string& what);
  TrackedFile* rest_of(TrackedFile& file);
  std::optional<PrintBytes> bytes_before(Handle handle, uint64_t offset);
  TrackedFile& insert(const std::string& path, OneFile file, const TrackedFile* before = nullptr);
  OneFile take_out(TrackedFile& file);
  void set_name(TrackedFile& file, const std::string& name);
  void close(TrackedFile& file);
  void update(TrackedFile& file, const FileStat& stat);
  bool is_known(const FileId& id) const { return by_id_.contains(id) || compressed_.contains(id); }
  const Listing& listing(const std::string& folder);
  std::vector<std::string> folders_of(const std::string& path);
  // Of regular files beside a path whose names `wanted` takes; false if not all could be looked at.
  using NamedFile = std::pair<std::string, FileStat>;
  bool siblings(const std::string& path,
                const std::function<bool(const std::string& name, const FileStat&)>& wanted,
                std::vector<NamedFile>& found);

  static void sort_by_time(std::vector<NamedFile>& files);

  void note(std::string text) { notes_.push_back(std::move(text)); }
  // Told once, until it is another one, or over.
  void trouble(const std::string& path, const std::string& text);
  void no_trouble(const std::string& path);

  FollowOptions options_;
  Files* files_;
  std::map<std::string, Path> paths_;
  std::map<FileId, TrackedFile*> by_id_;
  std::set<FileId> compressed_;
  std::map<std::string, std::string> troubles_;
  std::set<std::pair<std::string, int64_t>> told_;  // Of compressed files.
  std::vector<std::string> notes_;
  bool is_new_ = true;  // There was no position; until the first look.
  bool moved_ = true;

  // Of the look under way.
  std::map<std::string, FileStat> present_;  // What the paths lead to.
  std::set<std::string> unsure_;             // Paths that cannot be looked at.
  std::map<std::string, Listing> listings_;
  std::set<std::string> folders_;
};

}  // namespace weir::tail
