// Where weir-tail stands: the files that it follows, and how far each is read. Its encoding is the
// token of a SourcePosition (docs/decisions/0007), which nobody else reads.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/result.h"
#include "wrapper/tail/files.h"

namespace weir::tail {

// Of the bytes of a file up to an offset: their first, and their last. Tells a file that was only
// renamed from another one that has its inode, and from one that was truncated and has grown again.
struct Print {
  static constexpr size_t kHeadBytes = 1024;
  static constexpr size_t kLastBytes = 256;

  uint32_t head_bytes = 0;  // min(offset, kHeadBytes)
  uint64_t head_hash = 0;   // XXH3-64
  uint32_t last_bytes = 0;  // min(offset, kLastBytes)
  uint64_t last_hash = 0;

  bool operator==(const Print&) const = default;
};

// The bytes that a print is made of.
struct PrintBytes {
  std::string head;
  std::string last;

  // More of the file, behind what there was.
  void add(std::string_view bytes);
  Print print() const;
};

// Of a file that is followed.
struct FilePosition {
  FileId id;
  uint64_t offset = 0;  // All before it is in records that were handed on.
  Print print;
  int64_t changed_ns = 0;  // FileStat::changed_ns when it was last looked at.
  bool rotated = false;    // Its path led to another file, or to none.
  bool at_end = false;     // Nothing was left to read of it.
  bool copy = false;       // What lies before the offset is, or was, in another file.

  bool operator==(const FilePosition&) const = default;
};

// One that is there beside them, and not to be read: it was rotated before its path was followed,
// or so long ago that nothing more is expected of it.
struct OldFile {
  FileId id;
  int64_t changed_ns = 0;

  bool operator==(const OldFile&) const = default;
};

// Of FileStat::changed_ns, both ends included.
struct Period {
  int64_t from_ns = 0;
  int64_t to_ns = 0;

  bool operator==(const Period&) const = default;
};

// What was found under one path, the oldest first.
struct PathPosition {
  std::string path;
  int64_t seen_ns = 0;  // The latest change that was seen of the file that it led to.
  Period looked_for;    // When files changed that it may have led to meanwhile; or nothing.
  std::vector<FilePosition> files;
  std::vector<OldFile> old;

  bool operator==(const PathPosition&) const = default;
};

std::string encode(const std::vector<PathPosition>& paths);
// Errors: kCorrupt; kInvalid for a version that is not known.
Result<std::vector<PathPosition>> decode(std::string_view token);

}  // namespace weir::tail
