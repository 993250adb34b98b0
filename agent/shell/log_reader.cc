#include "agent/shell/log_reader.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <vector>

#include "schema/base/unique_fd.h"

namespace weir::agent {
namespace {

struct Part {
  UniqueFd file;
  uint64_t id = 0;
  uint64_t size = 0;
};

// Nothing if it is not there.
Result<std::optional<Part>> open_part(const std::string& path) {
  Part part{UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC))};
  if (!part.file.valid() && errno == ENOENT) return std::optional<Part>();
  if (!part.file.valid()) return errno_error("open " + path, errno);
  struct statx info {};
  if (::statx(part.file.get(), "", AT_EMPTY_PATH, STATX_INO | STATX_SIZE | STATX_BTIME, &info) !=
      0) {
    return errno_error("stat " + path, errno);
  }
  std::array<uint64_t, 5> name{info.stx_ino, info.stx_dev_major, info.stx_dev_minor};
  if ((info.stx_mask & STATX_BTIME) != 0) {
    name[3] = static_cast<uint64_t>(info.stx_btime.tv_sec) * 1'000'000'000 + info.stx_btime.tv_nsec;
  }
  // The clock of a file system stands still for some milliseconds; where there are generations they
  // differ at once.
  int generation[2] = {};  // Kernels differ in how much they write.
  if (::ioctl(part.file.get(), FS_IOC_GETVERSION, generation) == 0) {
    name[4] = static_cast<uint32_t>(generation[0]);
  }
  part.id = std::max<uint64_t>(XXH3_64bits(name.data(), sizeof name), 1);
  part.size = info.stx_size;
  return std::optional(std::move(part));
}

// Oldest first. The newer one is opened first: what is rotated in between is then seen twice, and
// not missed.
Result<std::vector<Part>> open_parts(const std::string& path) {
  auto now = open_part(path);
  if (!now) return std::move(now).error();
  auto older = open_part(path + ".1");
  if (!older) return std::move(older).error();
  std::vector<Part> parts;
  const bool twice = *now && *older && (*now)->id == (*older)->id;
  if (*older && !twice) parts.push_back(std::move(**older));
  if (*now) parts.push_back(std::move(**now));
  return parts;
}

struct Place {
  size_t part = 0;
  uint64_t offset = 0;
  bool gap = false;
};

Place find_place(const std::vector<Part>& parts, const wire::LogRead& read) {
  if (read.file == 0) {
    uint64_t skip = 0;
    for (const Part& part : parts) skip += part.size;
    skip -= std::min(skip, read.tail_bytes);
    size_t at = 0;
    while (at + 1 < parts.size() && skip >= parts[at].size) skip -= parts[at++].size;
    return {at, skip, false};
  }
  for (size_t at = 0; at < parts.size(); ++at) {
    if (parts[at].id == read.file && read.offset <= parts[at].size) return {at, read.offset, false};
  }
  return {0, 0, true};
}

// Appends what there is from `offset` on, as far as there is room for it.
Status read_some(const Part& part, uint64_t offset, std::string& data) {
  while (data.size() < wire::kLogDataBytesMax) {
    const size_t have = data.size();
    data.resize(wire::kLogDataBytesMax);
    const ssize_t got = ::pread(part.file.get(), data.data() + have, data.size() - have,
                                static_cast<off_t>(offset));
    data.resize(have + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error("read", errno);
    if (got == 0) return {};
    offset += static_cast<uint64_t>(got);
  }
  return {};
}

}  // namespace

Result<wire::LogData> read_log(const std::string& path, const wire::LogRead& read) {
  auto parts = open_parts(path);
  if (!parts) return std::move(parts).error();
  wire::LogData answer;
  answer.at_end = true;
  if (parts->empty()) return answer;
  Place place = find_place(*parts, read);
  answer.gap = place.gap;
  while (true) {
    const size_t before = answer.data.value.size();
    if (Status got = read_some((*parts)[place.part], place.offset, answer.data.value); !got) {
      return std::move(got).error().in(path);
    }
    place.offset += answer.data.value.size() - before;
    const bool full = answer.data.value.size() >= wire::kLogDataBytesMax;
    answer.at_end = !full;
    if (full || place.part + 1 == parts->size()) break;
    ++place.part;
    place.offset = 0;
  }
  answer.file = (*parts)[place.part].id;
  answer.offset = place.offset;
  return answer;
}

}  // namespace weir::agent
