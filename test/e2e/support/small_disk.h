// A small disk of its own for a test: a tmpfs that only the test and what it starts see.
#pragma once

#include <cstddef>
#include <string>

namespace weir::e2e {

class SmallDisk {
 public:
  // On `folder`, which is made. Not there if this process may not mount: see why_not().
  SmallDisk(std::string folder, size_t mebibytes);
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk();

  bool mounted() const { return why_not_.empty(); }
  const std::string& why_not() const { return why_not_; }

  // A file takes all that is left, or is gone again.
  void fill() const;
  void empty() const;
  // What is left in its place is the empty folder; what has a file open keeps it.
  void take_away() const;
  void give_back() const;
  // Waits until nobody has a file open for writing.
  void set_read_only(bool read_only) const;
  // No program on it can be run any more.
  void forbid_programs() const;

 private:
  std::string elsewhere() const { return folder_ + ".away"; }
  std::string ballast() const { return folder_ + "/ballast"; }

  std::string folder_;
  std::string size_;
  std::string why_not_;
};

}  // namespace weir::e2e
