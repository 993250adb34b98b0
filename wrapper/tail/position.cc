#include "wrapper/tail/position.h"

#include <xxhash.h>

#include <algorithm>

#include "schema/base/codec.h"

namespace weir::tail {
namespace {

constexpr uint8_t kVersion = 1;
constexpr uint64_t kPathsMax = 1u << 16;
constexpr uint64_t kFilesMax = 1u << 16;
constexpr uint8_t kRotated = 1;
constexpr uint8_t kAtEnd = 2;
constexpr uint8_t kCopy = 4;

// Small numbers are many, and a position is written with each commit.
void put_number(Encoder& out, uint64_t value) {
  while (value >= 0x80) {
    out.u8(static_cast<uint8_t>(value) | 0x80);
    value >>= 7;
  }
  out.u8(static_cast<uint8_t>(value));
}

// Past the end, and above 64 bits, the decoder is no longer ok.
uint64_t get_number(Decoder& in) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const uint8_t byte = in.u8();
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  (void)in.raw(SIZE_MAX);
  return 0;
}

void put_id(Encoder& out, const FileId& id) {
  put_number(out, id.device);
  put_number(out, id.inode);
}
FileId get_id(Decoder& in) {
  FileId id;
  id.device = get_number(in);
  id.inode = get_number(in);
  return id;
}

void put(Encoder& out, const FilePosition& file) {
  put_id(out, file.id);
  put_number(out, file.offset);
  put_number(out, file.print.head_bytes);
  if (file.print.head_bytes > 0) out.u64(file.print.head_hash);
  put_number(out, file.print.last_bytes);
  if (file.print.last_bytes > 0) out.u64(file.print.last_hash);
  put_number(out, static_cast<uint64_t>(file.changed_ns));
  out.u8(static_cast<uint8_t>((file.rotated ? kRotated : 0) | (file.at_end ? kAtEnd : 0) |
                              (file.copy ? kCopy : 0)));
}
FilePosition get_file(Decoder& in) {
  FilePosition file;
  file.id = get_id(in);
  file.offset = get_number(in);
  file.print.head_bytes = static_cast<uint32_t>(get_number(in));
  if (file.print.head_bytes > 0) file.print.head_hash = in.u64();
  file.print.last_bytes = static_cast<uint32_t>(get_number(in));
  if (file.print.last_bytes > 0) file.print.last_hash = in.u64();
  file.changed_ns = static_cast<int64_t>(get_number(in));
  const uint8_t flags = in.u8();
  file.rotated = (flags & kRotated) != 0;
  file.at_end = (flags & kAtEnd) != 0;
  file.copy = (flags & kCopy) != 0;
  return file;
}

bool is_sound(const FilePosition& file) {
  return file.print.head_bytes == std::min<uint64_t>(file.offset, Print::kHeadBytes) &&
         file.print.last_bytes == std::min<uint64_t>(file.offset, Print::kLastBytes);
}

}  // namespace

void PrintBytes::add(std::string_view bytes) {
  head.append(bytes.substr(0, Print::kHeadBytes - head.size()));
  if (bytes.size() >= Print::kLastBytes) {
    last = bytes.substr(bytes.size() - Print::kLastBytes);
    return;
  }
  last.append(bytes);
  if (last.size() > Print::kLastBytes) last.erase(0, last.size() - Print::kLastBytes);
}

Print PrintBytes::print() const {
  const auto hash = [](const std::string& bytes) {
    return bytes.empty() ? 0 : XXH3_64bits(bytes.data(), bytes.size());
  };
  return {static_cast<uint32_t>(head.size()), hash(head), static_cast<uint32_t>(last.size()),
          hash(last)};
}

std::string encode(const std::vector<PathPosition>& paths) {
  Encoder out;
  out.u8(kVersion);
  put_number(out, paths.size());
  std::string_view before;
  for (const PathPosition& path : paths) {
    // Paths are sorted: they mostly begin alike.
    const auto differ =
        std::mismatch(path.path.begin(), path.path.end(), before.begin(), before.end());
    const auto same = static_cast<size_t>(differ.first - path.path.begin());
    put_number(out, same);
    put_number(out, path.path.size() - same);
    out.raw(std::string_view(path.path).substr(same));
    before = path.path;
    put_number(out, static_cast<uint64_t>(path.seen_ns));
    put_number(out, static_cast<uint64_t>(path.looked_for.from_ns));
    put_number(out, static_cast<uint64_t>(path.looked_for.to_ns));
    put_number(out, path.files.size());
    for (const FilePosition& file : path.files) put(out, file);
    put_number(out, path.old.size());
    for (const OldFile& old : path.old) {
      put_id(out, old.id);
      put_number(out, static_cast<uint64_t>(old.changed_ns));
    }
  }
  return std::move(out).bytes();
}

Result<std::vector<PathPosition>> decode(std::string_view token) {
  const Error corrupt{ErrorCode::kCorrupt, "the position is not one of weir-tail"};
  Decoder in(token);
  if (in.u8() != kVersion) {
    return token.empty() ? corrupt
                         : Error{ErrorCode::kInvalid,
                                 "the position was written by another version of weir-tail"};
  }
  std::vector<PathPosition> paths;
  const uint64_t count = get_number(in);
  if (count > kPathsMax) return corrupt;
  std::string before;
  for (uint64_t i = 0; i < count && in.ok(); ++i) {
    PathPosition& path = paths.emplace_back();
    const uint64_t same = get_number(in);
    const uint64_t more = get_number(in);
    if (!in.ok() || same > before.size()) return corrupt;
    path.path = before.substr(0, same) + std::string(in.raw(more));
    before = path.path;
    path.seen_ns = static_cast<int64_t>(get_number(in));
    path.looked_for.from_ns = static_cast<int64_t>(get_number(in));
    path.looked_for.to_ns = static_cast<int64_t>(get_number(in));
    const uint64_t files = get_number(in);
    if (!in.ok() || files > kFilesMax) return corrupt;
    for (uint64_t j = 0; j < files && in.ok(); ++j) {
      path.files.push_back(get_file(in));
      if (in.ok() && !is_sound(path.files.back())) return corrupt;
    }
    const uint64_t old = get_number(in);
    if (!in.ok() || old > kFilesMax) return corrupt;
    for (uint64_t j = 0; j < old && in.ok(); ++j) {
      OldFile& one = path.old.emplace_back();
      one.id = get_id(in);
      one.changed_ns = static_cast<int64_t>(get_number(in));
    }
  }
  if (!in.done()) return corrupt;
  return paths;
}

}  // namespace weir::tail
