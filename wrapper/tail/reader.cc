#include "wrapper/tail/reader.h"

#include <algorithm>
#include <utility>

#include "wrapper/tail/names.h"

namespace weir::tail {

using wire::SourceKind;
using wire::SourceMessage;

Reader::Message Reader::next() {
  while (true) {
    Message message = std::optional<SourceMessage>();
    if (long_) {
      message = next_piece();
    } else if (TrackedFile* const file = choose(); file != nullptr) {
      message = read_from(*file);
    } else if (tracker_.take_moved()) {
      return with_position(SourceKind::kRecords, {});
    } else if (!end_all()) {
      return message;
    }
    if (!message || message->has_value()) return message;
  }
}

// A file whose predecessors are at their ends, of the path whose turn it is.
TrackedFile* Reader::choose() {
  const auto first_of = [](const Tracker::Path& path) {
    const auto file = std::find_if(path.files.begin(), path.files.end(),
                                   [](const auto& each) { return each->has_more; });
    return file == path.files.end() ? nullptr : file->get();
  };
  std::map<std::string, Tracker::Path>& paths = tracker_.paths();
  if (turn_bytes_ < kTurnBytes) {
    const auto same = paths.find(turn_);
    if (same != paths.end()) {
      if (TrackedFile* const file = first_of(same->second); file != nullptr) return file;
    }
  }
  turn_bytes_ = 0;
  auto at = paths.upper_bound(turn_);
  for (size_t i = 0; i < paths.size(); ++i, ++at) {
    if (at == paths.end()) at = paths.begin();
    TrackedFile* const file = first_of(at->second);
    if (file == nullptr) continue;
    turn_ = at->first;
    return file;
  }
  return nullptr;
}

Reader::Message Reader::read_from(TrackedFile& file) {
  const uint64_t bytes_before = file.bytes;
  if (!tracker_.refresh(file)) return std::optional<SourceMessage>();
  if (file.bytes < file.offset || (file.offset == 0 && file.bytes < bytes_before)) {
    tracker_.truncated(file);
    return std::optional<SourceMessage>();
  }
  if (!file.has_more) {
    // Of a rotated one it is worth knowing that nothing is missing, should it be gone next time.
    if (file.rotated && !std::exchange(file.told_at_end, true)) tracker_.set_moved();
    return std::optional<SourceMessage>();
  }
  if (file.scanned - file.offset >= kChunkBytes) return search(file);

  std::optional<std::string_view> data = take(file, file.offset, kChunkBytes);
  if (!data) return std::optional<SourceMessage>();
  const char delimiter = tracker_.options().delimiter;
  if (file.offset == 0 && is_compressed(*data)) {
    tracker_.ignore_compressed(file);
    return std::optional<SourceMessage>();
  }
  // Who goes on writing at the old place of a file that was truncated leaves a hole before it.
  if (file.truncated && delimiter != '\0') {
    const size_t zeros = std::min(data->find_first_not_of('\0'), data->size());
    if (zeros > 0) {
      file.advance(data->substr(0, zeros));
      tracker_.set_moved();
      return std::optional<SourceMessage>();
    }
    file.truncated = data->empty();
  }
  const size_t last = data->rfind(delimiter);
  if (last != std::string_view::npos) return records(file, data->substr(0, last + 1), 0);
  file.scanned = file.offset + data->size();
  if (data->size() == kChunkBytes) return std::optional<SourceMessage>();
  if (file.ending && !data->empty()) {
    const size_t bytes = data->size();
    buffer_[bytes] = delimiter;  // Which take() leaves room for.
    return records(file, {buffer_.data(), bytes + 1}, 1);
  }
  file.has_more = false;
  return std::optional<SourceMessage>();
}

std::optional<std::string_view> Reader::take(TrackedFile& file, uint64_t at, size_t bytes) {
  buffer_.resize(std::max(buffer_.size(), kChunkBytes + 1));
  const std::optional<size_t> got = tracker_.read(file, at, {buffer_.data(), bytes});
  if (!got) return std::nullopt;
  if (!tracker_.is_unchanged(file)) {
    tracker_.truncated(file);
    return std::nullopt;
  }
  return std::string_view(buffer_).substr(0, *got);
}

// A line that is longer than a chunk: where does it end?
Reader::Message Reader::search(TrackedFile& file) {
  const std::optional<std::string_view> data = take(file, file.scanned, kChunkBytes);
  if (!data) return std::optional<SourceMessage>();
  const size_t end = data->find(tracker_.options().delimiter);
  if (end != std::string_view::npos) return begin_long(file, file.scanned + end + 1, false);
  file.scanned += data->size();
  if (data->size() < kChunkBytes) {
    if (file.ending) return begin_long(file, file.scanned, true);
    file.has_more = false;
  }
  return std::optional<SourceMessage>();
}

Reader::Message Reader::begin_long(TrackedFile& file, uint64_t end, bool adds_delimiter) {
  long_ = LongLine{&file, file.offset, end, adds_delimiter, file.offset, file.before};
  return std::optional<SourceMessage>();
}

Reader::Message Reader::next_piece() {
  LongLine& line = *long_;
  TrackedFile& file = *line.file;
  const char delimiter = tracker_.options().delimiter;
  const auto wanted = static_cast<size_t>(std::min<uint64_t>(kChunkBytes, line.end - line.at));
  const bool is_last = line.at + wanted == line.end;
  const std::optional<std::string_view> data = take(file, line.at, wanted);
  const size_t delimiter_at = is_last && !line.adds_delimiter ? wanted - 1 : std::string::npos;
  if (!data || data->size() != wanted || data->find(delimiter) != delimiter_at) {
    // It was truncated under way, or cannot be read any more.
    const bool has_begun = line.at > line.from;
    long_.reset();
    file.scanned = file.offset;
    if (!has_begun) return std::optional<SourceMessage>();
    return std::optional(SourceMessage{SourceKind::kAbandon, {}, {}});
  }
  line.before.add(*data);
  line.at += wanted;
  if (!is_last) return std::optional(SourceMessage{SourceKind::kPiece, {}, *data});
  file.begin_after(line.end, std::move(line.before));
  file.told_at_end = false;
  const bool adds_delimiter = line.adds_delimiter;
  long_.reset();
  turn_bytes_ += kTurnBytes;
  if (adds_delimiter) buffer_[wanted] = delimiter;
  return with_position(SourceKind::kRecords, {buffer_.data(), wanted + (adds_delimiter ? 1 : 0)});
}

// `added` of the bytes are not in the file.
Reader::Message Reader::records(TrackedFile& file, std::string_view data, size_t added) {
  file.advance(data.substr(0, data.size() - added));
  file.told_at_end = false;
  turn_bytes_ += data.size();
  (void)tracker_.take_moved();
  return with_position(SourceKind::kRecords, data);
}

Reader::Message Reader::with_position(SourceKind kind, std::string_view data) {
  position_ = tracker_.position();
  if (position_.size() > kPositionTokenBytesMax) {
    size_t files = 0;
    for (const auto& [path, known] : tracker_.paths()) files += known.files.size();
    return Error{ErrorCode::kLimit, "follows " + std::to_string(files) +
                                        " files, whose positions take " +
                                        std::to_string(position_.size()) + " bytes; the limit is " +
                                        std::to_string(kPositionTokenBytesMax) +
                                        ": let several nodes follow some of them each"};
  }
  return std::optional(SourceMessage{kind, position_, data});
}

// All that there is has been read, and nothing is waited for. True if last lines are left.
bool Reader::end_all() {
  if (tracker_.options().follow || done_) return false;
  bool any = false;
  for (const auto& [path, known] : tracker_.paths()) {
    for (const auto& file : known.files) {
      if (!file->is_open() || file->ending || file->bytes == file->offset) continue;
      file->ending = file->has_more = any = true;
    }
  }
  done_ = !any;
  return any;
}

}  // namespace weir::tail
