#include "test/e2e/support/small_disk.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "schema/base/unique_fd.h"

namespace weir::e2e {
namespace {

constexpr int kTriesMax = 2000;

// Mounts of this process are its own and its children's from here on: whatever becomes of the
// test, none is left behind.
bool own_mounts() {
  static const bool own = ::unshare(CLONE_NEWNS) == 0 &&
                          ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  return own;
}

}  // namespace

SmallDisk::SmallDisk(std::string folder, size_t mebibytes)
    : folder_(std::move(folder)), size_("size=" + std::to_string(mebibytes) + "m,mode=700") {
  std::filesystem::create_directories(folder_);
  if (!own_mounts() || ::mount("weir-test", folder_.c_str(), "tmpfs", 0, size_.c_str()) != 0) {
    why_not_ = std::string("no tmpfs can be mounted here: ") + std::strerror(errno);
  }
}

SmallDisk::~SmallDisk() {
  if (!mounted()) return;
  if (std::filesystem::exists(elsewhere())) ::umount2(elsewhere().c_str(), MNT_DETACH);
  ::umount2(folder_.c_str(), MNT_DETACH);
}

void SmallDisk::take_away() const {
  std::filesystem::create_directory(elsewhere());
  ASSERT_EQ(::mount(folder_.c_str(), elsewhere().c_str(), nullptr, MS_MOVE, nullptr), 0)
      << std::strerror(errno);
}

void SmallDisk::give_back() const {
  ASSERT_EQ(::mount(elsewhere().c_str(), folder_.c_str(), nullptr, MS_MOVE, nullptr), 0)
      << std::strerror(errno);
}

void SmallDisk::fill() const {
  const UniqueFd file(::open(ballast().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  const std::string bytes(1 << 16, 'x');
  for (size_t size = bytes.size(); size > 0;) {
    if (::write(file.get(), bytes.data(), size) < 0) size /= 2;
  }
}

void SmallDisk::empty() const { std::filesystem::remove(ballast()); }

void SmallDisk::set_read_only(bool read_only) const {
  const unsigned long flags = MS_REMOUNT | (read_only ? MS_RDONLY : 0);
  const auto mounted = [&] {
    return ::mount("weir-test", folder_.c_str(), "tmpfs", flags, size_.c_str()) == 0;
  };
  for (int tries = 0; !mounted(); ++tries) {
    ASSERT_TRUE(errno == EBUSY && tries < kTriesMax) << std::strerror(errno);
    ::poll(nullptr, 0, 10);
  }
}

void SmallDisk::forbid_programs() const {
  ASSERT_EQ(::mount("weir-test", folder_.c_str(), "tmpfs", MS_REMOUNT | MS_NOEXEC, size_.c_str()),
            0)
      << std::strerror(errno);
}

}  // namespace weir::e2e
