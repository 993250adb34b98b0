#include "wrapper/tail/tracker.h"

#include <algorithm>
#include <functional>
#include <tuple>
#include <utility>

#include "schema/base/check.h"
#include "wrapper/tail/names.h"

namespace weir::tail {
namespace {

// Path::seen_ns of one that led to no file yet, but whose siblings are known.
constexpr int64_t kNothingSeen = 1;

// How often something is looked for while names may be changing.
constexpr int kLooksAgain = 2;

}  // namespace

Tracker::Tracker(FollowOptions options, Files& files)
    : options_(std::move(options)), files_(&files) {}

Tracker::~Tracker() {
  for (const auto& [path, known] : paths_) {
    for (const OneFile& file : known.files) {
      if (file->is_open()) files_->close(file->handle);
    }
  }
}

Result<Tracker> Tracker::begin(FollowOptions options, Files& files, std::string_view token) {
  Tracker tracker(std::move(options), files);
  if (token.empty()) return tracker;
  tracker.is_new_ = false;
  Result<std::vector<PathPosition>> paths = decode(token);
  if (!paths) return std::move(paths).error();
  for (PathPosition& path : *paths) {
    Path& known = tracker.paths_[path.path];
    known.old = std::move(path.old);
    known.seen_ns = path.seen_ns;
    known.looked_for = path.looked_for;
    if (known.looked_for.to_ns > 0) known.looks_again = kLooksAgain;
    for (const FilePosition& position : path.files) {
      auto file = std::make_unique<TrackedFile>();
      file->id = position.id;
      file->offset = file->scanned = position.offset;
      file->print = position.print;
      file->changed_ns = position.changed_ns;
      file->rotated = position.rotated;
      file->was_at_end = position.at_end;
      file->copy = position.copy;
      tracker.insert(path.path, std::move(file));
    }
  }
  return tracker;
}

std::string Tracker::position() const {
  std::vector<PathPosition> paths;
  for (const auto& [path, known] : paths_) {
    PathPosition& position = paths.emplace_back();
    position.path = path;
    position.seen_ns = known.seen_ns;
    if (known.looks_again > 0) position.looked_for = known.looked_for;
    position.old = known.old;
    for (const OneFile& file : known.files) {
      // Of what nothing was read nothing need be known, and its inode may be another file's by
      // then.
      if (file->offset == 0) continue;
      position.files.push_back({file->id, file->offset, file->print, file->changed_ns,
                                file->rotated, file->is_at_end(), file->copy});
    }
  }
  return encode(paths);
}

// ---- looking

void Tracker::look(SteadyTime now) {
  present_.clear();
  unsure_.clear();
  listings_.clear();
  folders_.clear();
  find_paths();
  look_at_open_files();
  reopen_all();
  look_at_paths();
  look_at_copies();
  find_names();
  forget_old_ones(now);
  is_new_ = false;
}

void Tracker::find_paths() {
  for (const std::string& pattern : options_.paths) {
    std::vector<std::string> denied;
    const std::vector<std::string> found = expand(pattern, *files_, folders_, denied);
    for (const std::string& path : found) {
      const Result<FileStat> stat = files_->stat(path);
      const bool is_named = path == pattern;
      if (!stat && stat.error().code != ErrorCode::kNotFound) {
        trouble(path, stat.error().what);
        unsure_.insert(path);
      } else if (stat && stat->is_regular) {
        present_[path] = *stat;
      } else if (stat && is_named) {
        trouble(path, path + ": is no regular file");
      }
      // What a pattern finds has to be known before it is not there.
      if (is_named && is_new_) remember_siblings(path, nullptr);
    }
    const bool none =
        denied.empty() && std::none_of(found.begin(), found.end(), [&](const auto& path) {
          return present_.contains(path) || troubles_.contains(path);
        });
    if (!denied.empty()) {
      trouble(pattern, denied.front());
    } else if (none) {
      trouble(pattern, pattern + ": there is no such file yet");
    } else if (is_pattern(pattern)) {
      no_trouble(pattern);
    }
  }
}

void Tracker::look_at_open_files() {
  // truncated() adds to what is walked here.
  std::vector<TrackedFile*> open;
  for (const auto& [path, known] : paths_) {
    for (const OneFile& file : known.files) {
      if (file->is_open()) open.push_back(file.get());
    }
  }
  for (TrackedFile* file : open) {
    const uint64_t bytes_before = file->bytes;
    if (!refresh(*file)) continue;
    if (file->bytes < file->offset || file->bytes < bytes_before) truncated(*file);
  }
}

bool Tracker::refresh(TrackedFile& file) {
  const Result<FileStat> stat = files_->stat(file.handle);
  if (!stat) {
    trouble(file.path, stat.error().what);
    close(file);
    return false;
  }
  update(file, *stat);
  return true;
}

void Tracker::update(TrackedFile& file, const FileStat& stat) {
  if (stat.bytes != file.bytes) file.quiet_since.reset();
  file.bytes = stat.bytes;
  if (stat.changed_ns != file.changed_ns) {
    file.changed_before_ns = std::exchange(file.changed_ns, stat.changed_ns);
  }
  file.links = stat.links;
  // What is written late to a file that was rotated says nothing of those that followed it.
  int64_t& seen = paths_[file.path].seen_ns;
  if (!file.rotated) seen = std::max(seen, stat.changed_ns);
  // It was cut, although not below what has been read.
  if (file.bytes < file.scanned) file.scanned = file.offset;
  const bool waits_for_delimiter = file.bytes == file.scanned && !file.ending;
  file.has_more = file.bytes != file.offset && !waits_for_delimiter;
}

// ---- files of an earlier run, and those that could not be read

void Tracker::reopen_all() {
  std::vector<TrackedFile*> closed;
  for (const auto& [path, known] : paths_) {
    for (const OneFile& file : known.files) {
      if (!file->is_open()) closed.push_back(file.get());
    }
  }
  // What another one of them was copied to may have the inode of one that is gone: that is known
  // only when all were looked for.
  std::vector<TrackedFile*> replaced;
  for (TrackedFile* file : closed) {
    if (reopen(file->path, *file)) replaced.push_back(file);
  }
  for (TrackedFile* file : replaced) begin_again(*file, "was truncated, or replaced,");
}

// True if it is open, and not what it was. It may be gone afterwards.
bool Tracker::reopen(const std::string& path, TrackedFile& file) {
  const auto at = present_.find(path);
  const bool is_at_path = at != present_.end() && at->second.id == file.id;
  std::vector<NamedFile> found;
  bool is_whole = true;
  if (is_at_path) found.emplace_back(path, at->second);
  // What is renamed while its folder is listed may be missing.
  for (int i = 0; i < kLooksAgain && found.empty() && is_whole; ++i) {
    if (i > 0) listings_.clear();
    is_whole = siblings(
        path, [&](const auto&, const FileStat& stat) { return stat.id == file.id; }, found);
  }
  for (const auto& [name, stat] : found) {
    const Result<Handle> handle = files_->open(name);
    if (!handle) {
      trouble(name, handle.error().what);
      return false;
    }
    no_trouble(name);
    const Result<FileStat> opened = files_->stat(*handle);
    std::optional<PrintBytes> before = bytes_before(*handle, file.offset);
    const bool is_same = before && before->print() == file.print;
    // An old one that is not what it was is gone, and another one has its inode.
    if (!opened || opened->id != file.id || (!is_same && (!is_at_path || file.rotated))) {
      files_->close(*handle);
      continue;
    }
    file.handle = *handle;
    set_name(file, name);
    file.rotated = !is_at_path;
    update(file, *opened);
    if (is_same) file.before = *std::move(before);
    return !is_same;
  }
  if (adopt_by_content(path, file) || !is_whole || unsure_.contains(path)) return false;
  gone(path, file);
  return false;
}

// Its bytes are there under another inode: it was copied back, or its file system is another one.
bool Tracker::adopt_by_content(const std::string& path, TrackedFile& file) {
  if (file.print.head_bytes < kContentBytesMin) return false;
  const std::string base = name_of(path);
  std::vector<NamedFile> found;
  siblings(
      path,
      [&](const std::string& name, const FileStat& stat) {
        const bool is_free = !is_known(stat.id) || by_id_[stat.id] == &file;
        return is_free && stat.bytes >= file.offset &&
               (name == base || is_rotated_name(base, name));
      },
      found);
  for (const auto& [name, stat] : found) {
    const Result<Handle> handle = files_->open(name);
    if (!handle) continue;
    const Result<FileStat> opened = files_->stat(*handle);
    std::optional<PrintBytes> before = bytes_before(*handle, file.offset);
    if (!opened || !before || before->print() != file.print) {
      files_->close(*handle);
      continue;
    }
    by_id_.erase(file.id);
    file.id = opened->id;
    by_id_[file.id] = &file;
    file.handle = *handle;
    set_name(file, name);
    file.before = *std::move(before);
    file.rotated = name != path;
    update(file, *opened);
    moved_ = true;
    return true;
  }
  return false;
}

void Tracker::gone(const std::string& path, TrackedFile& file) {
  // An empty folder may be that of a disk which is not there yet. Of paths that patterns find there
  // would be more and more that are waited for.
  const bool is_named =
      std::find(options_.paths.begin(), options_.paths.end(), path) != options_.paths.end();
  const bool is_empty = listing(folder_of(path)).files.empty();
  if (!present_.contains(path) && (is_named || is_empty)) return;
  if (!file.rotated || !file.was_at_end) {
    note(path + ": the file that was read up to byte " + std::to_string(file.offset) +
         " is gone; what was written to it after that is not known");
    tell_of_compressed(path, file.changed_ns);
  }
  const OneFile removed = take_out(file);
}

// ---- names

// Those that are followed before those that are new: a new name may be one of theirs. And a name
// before what rotations make of it, which is longer.
void Tracker::look_at_paths() {
  std::vector<std::string> all;
  for (const auto& [path, known] : paths_) {
    if (!unsure_.contains(path)) all.push_back(path);
  }
  for (const auto& [path, stat] : present_) {
    if (!paths_.contains(path)) all.push_back(path);
  }
  std::sort(all.begin(), all.end(), [this](const std::string& a, const std::string& b) {
    return std::make_tuple(!paths_.contains(a), a.size(), std::cref(a)) <
           std::make_tuple(!paths_.contains(b), b.size(), std::cref(b));
  });
  for (const std::string& path : all) {
    const auto present = present_.find(path);
    if (present != present_.end()) {
      look_at_path(path, present->second);
    } else {
      lost_its_name(path);
    }
  }
}

void Tracker::look_at_path(const std::string& path, const FileStat& stat) {
  check_originals_of(path);
  Path& known = paths_[path];
  TrackedFile* const newest = known.files.empty() ? nullptr : known.files.back().get();
  const auto found = by_id_.find(stat.id);
  if (found != by_id_.end()) {
    TrackedFile& file = *found->second;
    no_trouble(path);
    if (file.path == path) {
      if (file.name != path) set_name(file, path);
      if (std::exchange(file.rotated, false)) moved_ = true;
      if (known.looks_again > 0 && file.is_open()) {
        --known.looks_again;
        find_unseen(path, Unseen::kRenamed, known.looked_for, &file);
      }
    }
    if (newest != nullptr && newest != &file && !std::exchange(newest->rotated, true)) {
      moved_ = true;
    }
    return;
  }
  if (compressed_.contains(stat.id)) return;
  if (newest != nullptr && !std::exchange(newest->rotated, true)) moved_ = true;
  // What was missed lately may be missing still.
  const int64_t since_ns = unseen_since(known);
  if (known.seen_ns == 0) remember_siblings(path, nullptr);
  const TrackedFile* const added = add_file(path);
  if (since_ns == 0) return;
  // All that the path led to before has other names by now. But to list a folder takes a while, and
  // what is renamed meanwhile may be missing.
  listings_.clear();
  find_unseen(path, Unseen::kRenamed, {since_ns, INT64_MAX}, added);
  known.looks_again = added == nullptr ? 0 : kLooksAgain;
  known.looked_for = {since_ns, added == nullptr ? 0 : added->changed_ns};
}

int64_t Tracker::unseen_since(const Path& known) {
  return known.looks_again > 0 ? std::min(known.looked_for.from_ns, known.seen_ns) : known.seen_ns;
}

// Before a new file is taken for one: what it may be a copy of may have been truncated since.
void Tracker::check_originals_of(const std::string& name) {
  const auto stat = present_.find(name);
  if (stat != present_.end() && is_known(stat->second.id)) return;
  std::vector<TrackedFile*> originals;
  for (const auto& [path, known] : paths_) {
    if (known.files.empty() || folder_of(path) != folder_of(name)) continue;
    if (is_rotated_name(name_of(path), name_of(name)))
      originals.push_back(known.files.back().get());
  }
  for (TrackedFile* original : originals) {
    if (!original->is_open() || original->offset == 0 || !refresh(*original)) continue;
    if (original->bytes < original->offset || !is_unchanged(*original)) truncated(*original);
  }
}

TrackedFile* Tracker::add_file(const std::string& path) {
  const Result<Handle> handle = files_->open(path);
  if (!handle) {
    trouble(path, handle.error().what);
    return nullptr;
  }
  const Result<FileStat> stat = files_->stat(*handle);
  // It may be another one by now.
  if (!stat || is_known(stat->id)) {
    files_->close(*handle);
    return nullptr;
  }
  no_trouble(path);
  auto made = std::make_unique<TrackedFile>();
  set_name(*made, path);
  made->id = stat->id;
  made->handle = *handle;
  TrackedFile& file = insert(path, std::move(made));
  update(file, *stat);
  moved_ = true;
  if (is_new_) {
    if (options_.from_end) begin_at_end(file);
    return &file;
  }
  if (!is_copy(file, path)) return &file;
  std::optional<PrintBytes> before = bytes_before(file.handle, file.bytes);
  if (!before) return &file;
  file.copy = true;
  file.begin_after(file.bytes, *std::move(before));
  file.has_more = false;
  return &file;
}

// Behind the last whole line: the one that is being written is read as a whole.
void Tracker::begin_at_end(TrackedFile& file) {
  std::string buffer(64u << 10, '\0');
  uint64_t end = file.bytes;
  while (end > 0) {
    const auto count = static_cast<size_t>(std::min<uint64_t>(buffer.size(), end));
    const std::optional<size_t> got = read(file, end - count, {buffer.data(), count});
    if (!got || *got != count) return;
    const size_t at = std::string_view(buffer).substr(0, count).rfind(options_.delimiter);
    end -= count;
    if (at == std::string_view::npos) continue;
    end += at + 1;
    break;
  }
  std::optional<PrintBytes> before = bytes_before(file.handle, end);
  if (!before) return;
  file.begin_after(end, *std::move(before));
  file.has_more = file.bytes != end;
}

void Tracker::lost_its_name(const std::string& path) {
  Path& known = paths_[path];
  if (known.files.empty()) return;
  if (!std::exchange(known.files.back()->rotated, true)) moved_ = true;
  find_unseen(path, Unseen::kRenamed, {unseen_since(known), INT64_MAX}, nullptr);
}

// The older ones first; of the same time, those that were renamed more often: app.log.10,
// app.log.9.
void Tracker::sort_by_time(std::vector<NamedFile>& files) {
  std::sort(files.begin(), files.end(), [](const NamedFile& a, const NamedFile& b) {
    return std::make_tuple(a.second.changed_ns, b.first.size(), std::cref(b.first)) <
           std::make_tuple(b.second.changed_ns, a.first.size(), std::cref(a.first));
  });
}

void Tracker::find_unseen(const std::string& path, Unseen how, const Period& changed,
                          const TrackedFile* current) {
  const Path& known = paths_[path];
  const std::string base = name_of(path);
  std::vector<NamedFile> found;
  siblings(
      path,
      [&](const std::string& name, const FileStat& stat) {
        if (!is_rotated_name(base, name) || is_known(stat.id)) return false;
        const bool is_then = stat.changed_ns >= changed.from_ns && stat.changed_ns <= changed.to_ns;
        return is_then && !is_old(known, stat);
      },
      found);
  sort_by_time(found);
  for (const auto& [name, stat] : found) {
    OneFile file = open_unseen(name);
    if (!file) continue;
    // `cp` is at work. A few bytes may be those that all of them begin with.
    const bool is_large = how == Unseen::kCopied || file->bytes >= kContentBytesMin;
    if (current != nullptr && is_large && begins_like(*current, *file)) {
      close(*file);
      continue;
    }
    if (is_copy_of_any(*file, known)) {
      add_old(paths_[path], {file->id, stat.changed_ns});
      close(*file);
      continue;
    }
    insert_rotated(path, std::move(file), current);
  }
  // One that was read to its end, and compressed, has its time.
  if (changed.from_ns > kNothingSeen) tell_of_compressed(path, changed.from_ns + 1);
}

Tracker::OneFile Tracker::open_unseen(const std::string& name) {
  const Result<Handle> handle = files_->open(name);
  if (!handle) {
    trouble(name, handle.error().what);
    return nullptr;
  }
  no_trouble(name);
  const Result<FileStat> stat = files_->stat(*handle);
  if (!stat || is_known(stat->id)) {
    files_->close(*handle);
    return nullptr;
  }
  auto file = std::make_unique<TrackedFile>();
  set_name(*file, name);
  file->id = stat->id;
  file->handle = *handle;
  file->bytes = stat->bytes;
  return file;
}

void Tracker::insert_rotated(const std::string& path, OneFile file, const TrackedFile* before) {
  file->rotated = true;
  TrackedFile& inserted = insert(path, std::move(file), before);
  refresh(inserted);
  moved_ = true;
}

// What was read of one of them is what it begins with.
bool Tracker::is_copy_of_any(const TrackedFile& file, const Path& known) {
  return std::any_of(known.files.begin(), known.files.end(), [&](const OneFile& each) {
    if (each->print.head_bytes < kContentBytesMin || each->offset > file.bytes) return false;
    const std::optional<PrintBytes> bytes = bytes_before(file.handle, each->offset);
    return bytes && bytes->print() == each->print;
  });
}

void Tracker::add_old(Path& known, const OldFile& file) {
  std::erase_if(known.old, [&](const OldFile& old) { return old.id == file.id; });
  if (known.old.size() >= kOldMax) known.old.erase(known.old.begin());
  known.old.push_back(file);
}

bool Tracker::is_old(const Path& known, const FileStat& stat) {
  int64_t oldest_ns = stat.changed_ns;
  for (const OldFile& old : known.old) {
    // With another time it is another one with its inode.
    if (old.id == stat.id) return old.changed_ns == stat.changed_ns;
    oldest_ns = std::min(oldest_ns, old.changed_ns);
  }
  return known.old.size() >= kOldMax && stat.changed_ns <= oldest_ns;
}

void Tracker::tell_of_compressed(const std::string& path, int64_t since_ns) {
  const std::string base = name_of(path);
  std::vector<NamedFile> found;
  siblings(
      path,
      [&](const std::string& name, const FileStat& stat) {
        return is_compressed_name(base, name) && stat.changed_ns >= since_ns;
      },
      found);
  for (const auto& [name, stat] : found) {
    if (!told_.insert({name, stat.changed_ns}).second) continue;
    note(name + ": is compressed, and may hold lines of " + path + " that were not read");
  }
}

// All but those that are a copy, so far, of the file that the path leads to.
void Tracker::remember_siblings(const std::string& path, const TrackedFile* original) {
  Path& known = paths_[path];
  const std::string base = name_of(path);
  std::vector<NamedFile> found;
  siblings(
      path,
      [&](const std::string& name, const FileStat& stat) {
        return is_rotated_name(base, name) && !is_known(stat.id);
      },
      found);
  known.seen_ns = std::max(known.seen_ns, kNothingSeen);
  std::sort(found.begin(), found.end(), [](const NamedFile& a, const NamedFile& b) {
    return a.second.changed_ns > b.second.changed_ns;
  });
  known.old.clear();
  for (const auto& [name, stat] : found) {
    if (known.old.size() >= kOldMax) break;
    if (original != nullptr) {
      const OneFile file = open_unseen(name);
      const bool is_its_copy = file && begins_like(*original, *file);
      if (file) close(*file);
      if (is_its_copy) continue;
    }
    known.old.push_back({stat.id, stat.changed_ns});
  }
}

// ---- copies and truncation

// True if it is, so far, what another followed file begins with: `cp` is at work, to truncate that
// one next.
bool Tracker::is_copy(const TrackedFile& file, const std::string& name) {
  for (const auto& [path, known] : paths_) {
    if (known.files.empty() || known.files.back().get() == &file) continue;
    if (folder_of(path) != folder_of(name) || !is_rotated_name(name_of(path), name_of(name))) {
      continue;
    }
    const TrackedFile& original = *known.files.back();
    if (!original.is_open() || original.rotated) continue;
    if (begins_like(original, file)) return true;
  }
  return false;
}

// True if the file has no more, and nothing else, than the original begins with.
bool Tracker::begins_like(const TrackedFile& original, const TrackedFile& file) {
  const Result<FileStat> stat = files_->stat(original.handle);
  if (!stat || stat->bytes == 0 || stat->bytes < file.bytes) return false;
  const std::optional<PrintBytes> theirs = bytes_before(original.handle, file.bytes);
  const std::optional<PrintBytes> ours = bytes_before(file.handle, file.bytes);
  return theirs && ours && theirs->print() == ours->print();
}

void Tracker::look_at_copies() {
  for (auto& [path, known] : paths_) {
    for (const OneFile& file : known.files) {
      if (!file->copy || !file->is_open() || file->bytes == file->offset) continue;
      std::optional<PrintBytes> before;
      if (is_copy(*file, file->name)) before = bytes_before(file->handle, file->bytes);
      if (!before) {
        file->copy = false;  // And what comes is its own.
        continue;
      }
      file->begin_after(file->bytes, *std::move(before));
      file->has_more = false;
    }
  }
}

void Tracker::truncated(TrackedFile& file) {
  if (file.offset == 0) {
    listings_.clear();
    return find_unseen(file.path, Unseen::kCopied, {file.changed_before_ns, INT64_MAX}, &file);
  }
  begin_again(file, "was truncated");
}

void Tracker::begin_again(TrackedFile& file, const std::string& what) {
  const TrackedFile* rest = nullptr;
  for (int i = 0; i < kLooksAgain && rest == nullptr; ++i) {
    listings_.clear();  // A copy was made before it was truncated.
    rest = rest_of(file);
  }
  note(file.path + ": " + what + " after " + std::to_string(file.offset) +
       " bytes of it were read; " +
       (rest != nullptr ? "the rest is read from its copy, " + rest->name
                        : "what was written between the last look and that is not known"));
  if (rest != nullptr) {
    find_unseen(file.path, Unseen::kCopied, {rest->changed_ns, INT64_MAX},
                &file);  // Copies that followed it.
  } else {
    tell_of_compressed(file.path, file.changed_before_ns);
    // What lies beside it now may be a copy, of which nobody knows how much was read.
    remember_siblings(file.path, &file);
  }
  file.begin_after(0, {});
  file.ending = false;
  file.copy = false;
  file.truncated = true;
  file.has_more = file.bytes > 0;
  moved_ = true;
}

// What it held before it was truncated, from its offset on.
TrackedFile* Tracker::rest_of(TrackedFile& file) {
  const std::string base = name_of(file.path);
  const Path& of_path = paths_[file.path];
  std::vector<NamedFile> found;
  siblings(
      file.path,
      [&](const std::string& name, const FileStat& stat) {
        const auto known = by_id_.find(stat.id);
        const bool is_free = known == by_id_.end()
                                 ? !compressed_.contains(stat.id) && !is_old(of_path, stat)
                                 : known->second->copy && known->second->is_open();
        return is_free && stat.bytes >= file.offset && is_rotated_name(base, name);
      },
      found);
  sort_by_time(found);
  for (const auto& [name, stat] : found) {
    const auto known = by_id_.find(stat.id);
    const Result<Handle> opened =
        known == by_id_.end() ? files_->open(name) : Result<Handle>(known->second->handle);
    if (!opened) continue;
    const Result<FileStat> now = files_->stat(*opened);
    std::optional<PrintBytes> before = bytes_before(*opened, file.offset);
    if (!now || now->id != stat.id || !before || before->print() != file.print) {
      if (known == by_id_.end()) files_->close(*opened);
      continue;
    }
    OneFile rest;
    if (known == by_id_.end()) {
      rest = std::make_unique<TrackedFile>();
      rest->handle = *opened;
      rest->id = now->id;
    } else {
      rest = take_out(*known->second);
      rest->handle = *opened;
    }
    set_name(*rest, name);
    rest->copy = false;
    rest->rotated = true;
    rest->begin_after(file.offset, *std::move(before));
    TrackedFile& inserted = insert(file.path, std::move(rest), &file);
    update(inserted, *now);
    return &inserted;
  }
  return nullptr;
}

void Tracker::ignore_compressed(TrackedFile& file) {
  note(file.name + ": is compressed, and not read");
  compressed_.insert(file.id);
  close(file);
  const OneFile removed = take_out(file);
  moved_ = true;
}

// Of those that were renamed: what happens to them is told by name.
void Tracker::find_names() {
  for (const auto& [path, known] : paths_) {
    for (const OneFile& file : known.files) {
      if (!file->is_open() || !file->rotated || file->links == 0) continue;
      const Result<FileStat> stat = files_->stat(file->name);
      if (stat && stat->id == file->id) continue;
      std::vector<NamedFile> found;
      siblings(
          path, [&](const auto&, const FileStat& each) { return each.id == file->id; }, found);
      set_name(*file, found.empty() ? "" : found.front().first);
    }
  }
}

// ---- forgetting

void Tracker::forget_old_ones(SteadyTime now) {
  for (auto& [path, known] : paths_) {
    for (size_t i = 0; i < known.files.size();) {
      TrackedFile& file = *known.files[i];
      if (!file.is_at_end()) {
        file.quiet_since.reset();
      } else if (!file.quiet_since) {
        file.quiet_since = now;
      }
      if (!file.is_open() || !file.rotated || !may_forget(file, known.files.size() - i - 1, now)) {
        ++i;
        continue;
      }
      moved_ = true;
      if (file.bytes > file.offset) {
        file.ending = file.has_more = true;
        ++i;
        continue;
      }
      if (file.links > 0) add_old(known, {file.id, file.changed_ns});
      close(file);
      by_id_.erase(file.id);
      known.files.erase(known.files.begin() + static_cast<ptrdiff_t>(i));
    }
  }
  std::erase_if(paths_, [&](const auto& path) {
    const bool is_named =
        std::find(options_.paths.begin(), options_.paths.end(), path.first) != options_.paths.end();
    return path.second.files.empty() && !is_named && !present_.contains(path.first);
  });
}

bool Tracker::may_forget(const TrackedFile& file, size_t newer, SteadyTime now) const {
  if (!file.is_at_end()) return false;
  const bool lingered = now - *file.quiet_since >= kLinger;
  if (file.links == 0) return lingered;
  // Under a name that a pattern finds it would be taken for a new one.
  const bool is_found = std::any_of(present_.begin(), present_.end(), [&](const auto& present) {
    return present.second.id == file.id;
  });
  return !is_found && newer > kRotatedMax && lingered;
}

// ---- reading

std::optional<size_t> Tracker::read(TrackedFile& file, uint64_t offset, std::span<char> room) {
  const Result<size_t> got = files_->read(file.handle, offset, room);
  if (got) return *got;
  trouble(file.path, got.error().what);
  close(file);
  return std::nullopt;
}

bool Tracker::is_unchanged(TrackedFile& file) {
  const std::optional<PrintBytes> before = bytes_before(file.handle, file.offset);
  return before && before->head == file.before.head && before->last == file.before.last;
}

std::optional<PrintBytes> Tracker::bytes_before(Handle handle, uint64_t offset) {
  PrintBytes bytes;
  const auto read_into = [&](std::string& part, uint64_t from, uint64_t count) {
    part.resize(static_cast<size_t>(count));
    const Result<size_t> got = files_->read(handle, from, {part.data(), part.size()});
    return got && *got == part.size();
  };
  const uint64_t head = std::min<uint64_t>(offset, Print::kHeadBytes);
  const uint64_t last = std::min<uint64_t>(offset, Print::kLastBytes);
  if (!read_into(bytes.head, 0, head) || !read_into(bytes.last, offset - last, last)) {
    return std::nullopt;
  }
  return bytes;
}

bool Tracker::touched(const std::string& path) {
  for (auto& [followed, known] : paths_) {
    for (const OneFile& file : known.files) {
      if (file->name != path && file->real_name != path) continue;
      if (file->copy || !file->is_open()) return true;
      file->has_more = true;
    }
  }
  return false;
}

// ---- what is known

TrackedFile& Tracker::insert(const std::string& path, OneFile file, const TrackedFile* before) {
  file->path = path;
  TrackedFile& inserted = *file;
  by_id_[file->id] = file.get();
  std::vector<OneFile>& files = paths_[path].files;
  const auto at = std::find_if(files.begin(), files.end(),
                               [&](const OneFile& each) { return each.get() == before; });
  files.insert(at, std::move(file));
  return inserted;
}

Tracker::OneFile Tracker::take_out(TrackedFile& file) {
  std::vector<OneFile>& files = paths_[file.path].files;
  const auto at = std::find_if(files.begin(), files.end(),
                               [&](const OneFile& each) { return each.get() == &file; });
  WEIR_CHECK(at != files.end(), "a file is where its path says");
  OneFile taken = std::move(*at);
  files.erase(at);
  if (const auto known = by_id_.find(taken->id); known != by_id_.end() && known->second == &file) {
    by_id_.erase(known);
  }
  return taken;
}

void Tracker::set_name(TrackedFile& file, const std::string& name) {
  file.name = name;
  const Result<std::string> real = files_->real_path(name);
  file.real_name = real ? *real : name;
}

void Tracker::close(TrackedFile& file) {
  if (!file.is_open()) return;
  file.was_at_end = file.is_at_end();
  files_->close(std::exchange(file.handle, kNoHandle));
  file.has_more = false;
}

const Tracker::Listing& Tracker::listing(const std::string& folder) {
  const auto [at, is_new] = listings_.try_emplace(folder);
  if (!is_new) return at->second;
  const Result<std::vector<std::string>> names = files_->list(folder);
  if (!names) {
    at->second.is_whole = false;
    return at->second;
  }
  for (const std::string& name : *names) {
    const Result<FileStat> stat = files_->stat(join(folder, name));
    if (stat && stat->is_regular) at->second.files.emplace(name, *stat);
    if (!stat && stat.error().code != ErrorCode::kNotFound) at->second.is_whole = false;
  }
  return at->second;
}

// Of a link: where the link is, and where it leads.
std::vector<std::string> Tracker::folders_of(const std::string& path) {
  std::vector<std::string> folders{folder_of(path)};
  folders_.insert(folders.front());
  // One without links is the same folder under another name.
  const Result<std::string> real = files_->real_path(path);
  const Result<std::string> real_folder = files_->real_path(folders.front());
  if (real && real_folder && folder_of(*real) != *real_folder) {
    folders.push_back(folder_of(*real));
    folders_.insert(folders.back());
  }
  return folders;
}

bool Tracker::siblings(const std::string& path,
                       const std::function<bool(const std::string&, const FileStat&)>& wanted,
                       std::vector<NamedFile>& found) {
  bool is_whole = true;
  std::set<FileId> seen;
  for (const std::string& folder : folders_of(path)) {
    const Listing& there = listing(folder);
    is_whole = is_whole && there.is_whole;
    for (const auto& [name, stat] : there.files) {
      if (wanted(name, stat) && seen.insert(stat.id).second)
        found.emplace_back(join(folder, name), stat);
    }
  }
  return is_whole;
}

void Tracker::trouble(const std::string& path, const std::string& text) {
  std::string& told = troubles_[path];
  if (told == text) return;
  told = text;
  note(text + " (it is tried again)");
}

void Tracker::no_trouble(const std::string& path) {
  if (troubles_.erase(path) > 0) note(path + ": is read now");
}

}  // namespace weir::tail
