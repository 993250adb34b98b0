#include "test/unit/wrapper/tail/fake_files.h"

#include <algorithm>

#include "wrapper/tail/names.h"

namespace weir::tail {

struct FakeInode {
  FileId id;
  std::string bytes;
  int64_t changed_ns = 0;
  uint64_t links = 0;
};

std::shared_ptr<FakeInode> FakeFiles::new_inode() {
  std::set<uint64_t> used;
  for (const auto& weak : inodes_) {
    if (const auto inode = weak.lock()) used.insert(inode->id.inode);
  }
  uint64_t number = next_inode_;
  if (reuses_inodes) {
    number = 100;
    while (used.contains(number)) ++number;
  }
  next_inode_ = std::max(next_inode_, number + 1);
  auto inode = std::make_shared<FakeInode>();
  inode->id = {7, number};
  inode->changed_ns = ++now_ns_;
  inodes_.emplace_back(inode);
  return inode;
}

std::shared_ptr<FakeInode> FakeFiles::find(const std::string& path) const {
  const auto link = links_.find(path);
  const auto found = names_.find(link == links_.end() ? path : link->second);
  return found == names_.end() ? nullptr : found->second;
}

void FakeFiles::append(const std::string& path, std::string_view text) {
  if (!find(path)) make(path, "");
  find(path)->bytes.append(text);
  find(path)->changed_ns = ++now_ns_;
}

void FakeFiles::write(const std::string& path, std::string_view text) {
  if (!find(path)) make(path, "");
  find(path)->bytes = text;
  find(path)->changed_ns = ++now_ns_;
}

void FakeFiles::make(const std::string& path, std::string_view text) {
  remove(path);
  std::shared_ptr<FakeInode>& inode = names_[path];
  inode = new_inode();
  inode->links = 1;
  inode->bytes = text;
}

void FakeFiles::rename(const std::string& from, const std::string& to) {
  if (from == to) return;
  remove(to);
  names_[to] = names_.at(from);
  names_.erase(from);
}

void FakeFiles::copy(const std::string& from, const std::string& to) { make(to, content(from)); }

void FakeFiles::remove(const std::string& path) {
  const auto found = names_.find(path);
  if (found == names_.end()) return;
  found->second->links = 0;
  names_.erase(found);
}

void FakeFiles::link(const std::string& target, const std::string& name) { links_[name] = target; }

void FakeFiles::refuse(const std::string& path, bool refused) {
  if (refused) {
    refused_.insert(path);
  } else {
    refused_.erase(path);
  }
}

void FakeFiles::move_to_another_disk(const std::string& path) {
  const std::string bytes = content(path);
  make(path, bytes);
  names_[path]->id = {8, 1'000'000 + next_inode_++};
}

FakeFiles::Writer FakeFiles::open_for_writing(const std::string& path) {
  if (!find(path)) make(path, "");
  Writer writer;
  writer.files = this;
  writer.inode = find(path);
  writer.at = writer.inode->bytes.size();
  return writer;
}

void FakeFiles::Writer::append(std::string_view text) {
  if (appends) at = inode->bytes.size();
  if (inode->bytes.size() < at) inode->bytes.resize(at, '\0');
  inode->bytes.replace(at, text.size(), text);
  at += text.size();
  inode->changed_ns = ++files->now_ns_;
}

std::string FakeFiles::content(const std::string& path) const {
  const auto inode = find(path);
  return inode ? inode->bytes : "";
}

Result<std::vector<std::string>> FakeFiles::list(const std::string& folder) {
  if (refused_.contains(folder)) return Error{ErrorCode::kIo, folder + ": Permission denied"};
  std::set<std::string> names;
  const std::string prefix = folder == "." ? "" : folder == "/" ? "/" : folder + "/";
  const auto add = [&](const std::string& path) {
    if (!path.starts_with(prefix)) return;
    const std::string rest = path.substr(prefix.size());
    names.insert(rest.substr(0, rest.find('/')));
  };
  for (const auto& [path, inode] : names_) add(path);
  for (const auto& [path, target] : links_) add(path);
  if (names.empty()) return Error{ErrorCode::kNotFound, folder + ": No such file or directory"};
  return std::vector<std::string>(names.begin(), names.end());
}

Result<FileStat> FakeFiles::stat(const std::string& path) {
  if (refused_.contains(folder_of(path))) {
    return Error{ErrorCode::kIo, path + ": Permission denied"};
  }
  if (const auto inode = find(path)) {
    return FileStat{inode->id, inode->bytes.size(), inode->changed_ns, inode->links, true};
  }
  const auto inside = names_.lower_bound(path + "/");
  if (inside != names_.end() && inside->first.starts_with(path + "/")) {
    return FileStat{{7, 1}, 0, 1, 1, false};
  }
  return Error{ErrorCode::kNotFound, path + ": No such file or directory"};
}

Result<std::string> FakeFiles::real_path(const std::string& path) {
  const auto link = links_.find(path);
  if (link != links_.end()) return link->second;
  return path;
}

Result<Handle> FakeFiles::open(const std::string& path) {
  if (refused_.contains(path) || refused_.contains(folder_of(path))) {
    return Error{ErrorCode::kIo, path + ": Permission denied"};
  }
  const auto inode = find(path);
  if (!inode) return Error{ErrorCode::kNotFound, path + ": No such file or directory"};
  handles_[next_handle_] = inode;
  return next_handle_++;
}

void FakeFiles::close(Handle handle) { EXPECT_EQ(handles_.erase(handle), 1u); }

Result<FileStat> FakeFiles::stat(Handle handle) {
  const auto& inode = handles_.at(handle);
  return FileStat{inode->id, inode->bytes.size(), inode->changed_ns, inode->links, true};
}

Result<size_t> FakeFiles::read(Handle handle, uint64_t offset, std::span<char> room) {
  ++reads;
  const std::string& bytes = handles_.at(handle)->bytes;
  if (offset >= bytes.size()) return size_t{0};
  const size_t count = std::min<size_t>(room.size(), bytes.size() - offset);
  std::copy_n(bytes.begin() + static_cast<ptrdiff_t>(offset), count, room.begin());
  return count;
}

// ---- a follower

void Follow::start() {
  reader_.reset();
  tracker_.reset();
  piece_.clear();
  Result<Tracker> tracker = Tracker::begin(options_, files_, token_);
  ASSERT_TRUE(tracker) << tracker.error().what;
  tracker_ = std::make_unique<Tracker>(*std::move(tracker));
  reader_ = std::make_unique<Reader>(*tracker_);
}

void Follow::take_notes() {
  for (std::string& note : tracker_->take_notes()) notes.push_back(std::move(note));
}

bool Follow::read_one() {
  const auto message = reader_->next();
  take_notes();
  if (!message) {
    error = message.error().what;
    return false;
  }
  if (!message->has_value()) return false;
  EXPECT_LE((*message)->data.size(), Reader::kChunkBytes + 1);
  switch ((*message)->kind) {
    case wire::SourceKind::kRecords:
      EXPECT_FALSE((*message)->position.empty());
      EXPECT_TRUE((*message)->data.empty() || (*message)->data.back() == options_.delimiter);
      if (!commits) break;
      lines_ += piece_;
      lines_ += (*message)->data;
      piece_.clear();
      token_ = (*message)->position;
      EXPECT_EQ(token_, tracker_->position());
      break;
    case wire::SourceKind::kPiece:
      EXPECT_EQ((*message)->data.find(options_.delimiter), std::string_view::npos);
      piece_ += (*message)->data;
      break;
    case wire::SourceKind::kAbandon:
      piece_.clear();
      break;
    case wire::SourceKind::kStart:
      ADD_FAILURE() << "it says what weir says";
  }
  return true;
}

void Follow::read_only() {
  int messages = 0;
  while (read_one()) {
    ASSERT_LT(++messages, 100'000) << "it never ends";
  }
}

void Follow::read() {
  now_ += std::chrono::milliseconds(100);
  tracker_->look(now_);
  take_notes();
  read_only();
}

std::string Follow::news() {
  std::string news = lines_.substr(told_);
  told_ = lines_.size();
  return news;
}

std::string Follow::notes_text() const {
  std::string text;
  for (const std::string& note : notes) text += note + "\n";
  return text;
}

}  // namespace weir::tail
