// A folder of files named by the SHA-256 of what is in them: the broker's uploads, the agents'
// cache.
//
//   FOLDER/SHA256        complete and verified, mode 0555
//   FOLDER/SHA256.part   on its way; deleted when the folder is opened
//
// Content comes in parts, in order. A file gets its name only when all of it is there, its hash is
// right, and it is synced; so what has a name is whole, whatever is killed.
// Not pure: does its file work at once. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/result.h"
#include "schema/base/unique_fd.h"
#include "schema/content/sha256.h"

namespace weir::content {

using SteadyTime = std::chrono::steady_clock::time_point;

// Contents on their way at the same time.
inline constexpr size_t kPartsMax = 16;
inline constexpr std::chrono::seconds kPartSilenceMax{60};

struct Content {
  std::string sha256;
  uint64_t bytes = 0;

  bool operator==(const Content&) const = default;
};

class Store {
 public:
  // Makes the folder (its parent must be there) and deletes what was on its way.
  static Result<Store> open(const std::string& folder);

  // What is complete. By hash.
  Result<std::vector<Content>> list() const;
  bool has(const std::string& sha256) const;
  std::string path(const std::string& sha256) const;

  // The offset from which on content is wanted; `bytes` if nothing is. Begins a part if there is
  // none. kConflict: what there is under this hash has another size. kLimit: kPartsMax are on
  // their way. kIo: no room, for one.
  Result<uint64_t> wanted(const std::string& sha256, uint64_t bytes, SteadyTime now);
  // Adds to a part that was begun; what is at another offset than the wanted one is dropped.
  // Returns the offset that is wanted next. kCorrupt: it is complete, but has another hash; the
  // part is gone. kNotFound: no such part was begun. kIo: the part is gone.
  Result<uint64_t> add(const std::string& sha256, uint64_t offset, std::string_view data,
                       SteadyTime now);
  // Deletes parts that nothing was added to for kPartSilenceMax.
  void drop_silent_parts(SteadyTime now);

  // At most `bytes_max` from there on; empty at the end. kNotFound, kIo.
  Result<std::string> read(const std::string& sha256, uint64_t offset, size_t bytes_max) const;
  // Whether the file still has the hash that it is named by. Reads all of it.
  Result<bool> verify(const std::string& sha256) const;
  // No error if it is not there.
  Status remove(const std::string& sha256);

 private:
  struct Part {
    UniqueFd file;
    Sha256 hash;
    uint64_t bytes = 0;
    uint64_t offset = 0;
    SteadyTime touched;
  };

  explicit Store(std::string folder) : folder_(std::move(folder)) {}
  std::string part_path(const std::string& sha256) const { return path(sha256) + ".part"; }
  void drop(const std::string& sha256);
  Status complete(const std::string& sha256, Part& part);

  std::string folder_;
  std::map<std::string, Part> parts_;
};

}  // namespace weir::content
