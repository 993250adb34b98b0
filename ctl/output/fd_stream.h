// Standard input and output as streams that wait where others have made the descriptor
// non-blocking, and that know why they failed. Thread: one.
#pragma once

#include <array>
#include <streambuf>
#include <string>

namespace weir::ctl {

class FdStreambuf : public std::streambuf {
 public:
  // The descriptor stays the caller's. Used for reading or for writing, not for both.
  explicit FdStreambuf(int fd);

  // errno of the call that failed; 0: none has. Nothing is written after it.
  int failure() const { return failure_; }

 protected:
  int_type underflow() override;
  int_type overflow(int_type c) override;
  int sync() override;

 private:
  bool write_out();

  int fd_;
  int failure_ = 0;
  std::array<char, 16384> buffer_{};
};

}  // namespace weir::ctl
