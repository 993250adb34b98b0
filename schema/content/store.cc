#include "schema/content/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "schema/base/files.h"

namespace weir::content {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kProgramMode = 0555;  // Never written again, and run as it is.
constexpr std::string_view kPartSuffix = ".part";
constexpr size_t kHexBytes = 64;

bool is_sha256(std::string_view name) {
  return name.size() == kHexBytes && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace

Result<Store> Store::open(const std::string& folder) {
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return errno_error("make " + folder, errno);
  }
  std::error_code failure;
  std::vector<fs::path> unfinished;
  for (const auto& entry : fs::directory_iterator(folder, failure)) {
    if (entry.path().string().ends_with(kPartSuffix)) unfinished.push_back(entry.path());
  }
  if (failure) return Error{ErrorCode::kIo, "read " + folder + ": " + failure.message()};
  for (const fs::path& path : unfinished) fs::remove(path, failure);
  return Store(folder);
}

Result<std::vector<Content>> Store::list() const {
  std::vector<Content> contents;
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(folder_, failure)) {
    const std::string name = entry.path().filename().string();
    if (!is_sha256(name)) continue;
    std::error_code gone;
    const uint64_t bytes = entry.file_size(gone);
    if (!gone) contents.push_back({name, bytes});
  }
  if (failure) return Error{ErrorCode::kIo, "read " + folder_ + ": " + failure.message()};
  std::sort(contents.begin(), contents.end(),
            [](const Content& a, const Content& b) { return a.sha256 < b.sha256; });
  return contents;
}

bool Store::has(const std::string& sha256) const {
  struct stat info {};
  return ::stat(path(sha256).c_str(), &info) == 0;
}

std::string Store::path(const std::string& sha256) const { return folder_ + "/" + sha256; }

Result<uint64_t> Store::wanted(const std::string& sha256, uint64_t bytes, SteadyTime now) {
  struct stat info {};
  if (::stat(path(sha256).c_str(), &info) == 0) {
    if (static_cast<uint64_t>(info.st_size) == bytes) return bytes;
    return Error{ErrorCode::kConflict, "content " + sha256 + " has " +
                                           std::to_string(info.st_size) + " bytes, not " +
                                           std::to_string(bytes)};
  }
  const auto known = parts_.find(sha256);
  if (known != parts_.end()) {
    if (known->second.bytes != bytes) {
      return Error{ErrorCode::kConflict, "content " + sha256 + " is on its way with " +
                                             std::to_string(known->second.bytes) + " bytes, not " +
                                             std::to_string(bytes)};
    }
    known->second.touched = now;
    return known->second.offset;
  }
  drop_silent_parts(now);
  if (parts_.size() >= kPartsMax) {
    return Error{ErrorCode::kLimit, "too many uploads at once; try again in a minute"};
  }
  const std::string path = part_path(sha256);
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.valid()) return errno_error("open " + path, errno);
  parts_.emplace(sha256, Part{std::move(file), Sha256(), bytes, 0, now});
  return uint64_t{0};
}

Result<uint64_t> Store::add(const std::string& sha256, uint64_t offset, std::string_view data,
                            SteadyTime now) {
  const auto found = parts_.find(sha256);
  if (found == parts_.end()) {
    // The last part may come twice.
    if (has(sha256)) return offset + data.size();
    return Error{ErrorCode::kNotFound, "no upload of content " + sha256 + " was begun"};
  }
  Part& part = found->second;
  part.touched = now;
  if (offset != part.offset) return part.offset;
  if (data.size() > part.bytes - part.offset) {
    drop(sha256);
    return Error{ErrorCode::kCorrupt, "content " + sha256 + " is longer than was said"};
  }
  if (Status written = write_all(part.file.get(), data, "content " + sha256); !written) {
    drop(sha256);
    return std::move(written).error();
  }
  part.hash.add(data);
  part.offset += data.size();
  const uint64_t next = part.offset;
  if (next < part.bytes) return next;
  if (Status done = complete(sha256, part); !done) {
    drop(sha256);
    return std::move(done).error();
  }
  parts_.erase(sha256);
  return next;
}

Status Store::complete(const std::string& sha256, Part& part) {
  if (part.hash.finish() != sha256) {
    return Error{ErrorCode::kCorrupt, "content " + sha256 + " arrived with another hash"};
  }
  const std::string from = part_path(sha256);
  if (::fchmod(part.file.get(), kProgramMode) != 0) return errno_error("chmod " + from, errno);
  if (::fsync(part.file.get()) != 0) return errno_error("sync " + from, errno);
  // A program that is open for writing cannot be run.
  part.file.reset();
  if (::rename(from.c_str(), path(sha256).c_str()) != 0)
    return errno_error("rename " + from, errno);
  return sync_folder(folder_);
}

void Store::drop_silent_parts(SteadyTime now) {
  std::vector<std::string> silent;
  for (const auto& [sha256, part] : parts_) {
    if (now - part.touched >= kPartSilenceMax) silent.push_back(sha256);
  }
  for (const std::string& sha256 : silent) drop(sha256);
}

void Store::drop(const std::string& sha256) {
  ::unlink(part_path(sha256).c_str());
  parts_.erase(sha256);
}

Result<std::string> Store::read(const std::string& sha256, uint64_t offset,
                                size_t bytes_max) const {
  const std::string from = path(sha256);
  const UniqueFd file(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return errno_error("content " + sha256, errno);
  std::string data(bytes_max, '\0');
  size_t size = 0;
  while (size < data.size()) {
    const ssize_t got = ::pread(file.get(), data.data() + size, data.size() - size,
                                static_cast<off_t>(offset + size));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error("read " + from, errno);
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  data.resize(size);
  return data;
}

Result<bool> Store::verify(const std::string& sha256) const {
  Result<std::string> is = sha256_of_file(path(sha256));
  if (!is) return std::move(is).error();
  return *is == sha256;
}

Status Store::remove(const std::string& sha256) {
  drop(sha256);
  if (::unlink(path(sha256).c_str()) == 0 || errno == ENOENT) return {};
  return errno_error("remove " + path(sha256), errno);
}

}  // namespace weir::content
