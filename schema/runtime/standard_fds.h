// The descriptors 0, 1 and 2 as this process got them.
#pragma once

namespace weir::runtime {

struct StandardFds {
  bool in = true;  // It was open at start.
  bool out = true;
  bool err = true;
};

// Call first in main. What was closed is taken by /dev/null, opened the wrong way round: a file
// that is opened later does not become somebody's stdin, stdout or stderr, and reading or writing
// them fails as it does on a closed descriptor (EBADF). What is started inherits that.
const StandardFds& reserve_standard_fds();

// True if `fd` is open and was opened for writing.
bool is_writable(int fd);

}  // namespace weir::runtime
