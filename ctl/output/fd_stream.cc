#include "ctl/output/fd_stream.h"

#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "schema/base/files.h"

namespace weir::ctl {

FdStreambuf::FdStreambuf(int fd) : fd_(fd) {}

FdStreambuf::int_type FdStreambuf::underflow() {
  while (failure_ == 0) {
    const ssize_t count = ::read(fd_, buffer_.data(), buffer_.size());
    if (count > 0) {
      setg(buffer_.data(), buffer_.data(), buffer_.data() + count);
      return traits_type::to_int_type(buffer_.front());
    }
    if (count == 0) break;
    if (errno == EAGAIN) wait_readable(fd_);
    if (errno != EAGAIN && errno != EINTR) failure_ = errno;
  }
  // The stream is bad then, not at its end.
  if (failure_ != 0) throw std::system_error(failure_, std::generic_category());
  return traits_type::eof();
}

FdStreambuf::int_type FdStreambuf::overflow(int_type c) {
  if (!write_out()) return traits_type::eof();
  if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
  *pptr() = traits_type::to_char_type(c);
  pbump(1);
  return c;
}

int FdStreambuf::sync() { return write_out() ? 0 : -1; }

bool FdStreambuf::write_out() {
  const char* at = pbase();
  while (failure_ == 0 && at < pptr()) {
    const ssize_t count = ::write(fd_, at, static_cast<size_t>(pptr() - at));
    if (count >= 0) {
      at += count;
    } else if (errno == EAGAIN) {
      wait_writable(fd_);
    } else if (errno != EINTR) {
      failure_ = errno;
    }
  }
  setp(buffer_.data(), buffer_.data() + buffer_.size());
  return failure_ == 0;
}

}  // namespace weir::ctl
