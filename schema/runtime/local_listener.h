// A listening socket in the file system, which never takes a path away from anybody: a living
// listener there is a conflict, a dead one's socket is replaced, and anything else is left alone.
// Removed when it goes, unless somebody else has the path by then.
#pragma once

#include <sys/types.h>

#include <string>

#include "schema/base/result.h"
#include "schema/base/unique_fd.h"

namespace weir::runtime {

class LocalListener {
 public:
  // Bound and listening, non-blocking, close-on-exec. Who may connect is the folder's to say: the
  // socket is open to the folder's group (0660) where only owner and group may enter it, and to its
  // owner (0600) elsewhere.
  //
  // kConflict: somebody listens there. kInvalid: there is something that is no socket, or the
  // folder lets others replace the socket. kTimeout: another process is busy with the folder.
  static Result<LocalListener> open(const std::string& path);
  LocalListener(LocalListener&& other) noexcept;
  LocalListener& operator=(LocalListener&& other) noexcept;
  ~LocalListener();

  // Hands the descriptor to whoever accepts; the path stays this object's.
  UniqueFd take_fd() { return std::move(fd_); }

 private:
  LocalListener() = default;
  void remove();

  std::string path_;  // Empty: moved away.
  dev_t device_ = 0;  // Of the file at `path_`.
  ino_t inode_ = 0;
  UniqueFd fd_;
};

}  // namespace weir::runtime
