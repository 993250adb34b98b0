// Folders that hold weir's own state: orders and pipelines with the secrets in their `env`, logs
// with the records. Nobody but the user that runs the daemon may look into them.
#pragma once

#include <sys/types.h>

#include <string>

#include "schema/base/result.h"

namespace weir {

// Makes a folder and its parents; those that are there already are left as they are.
Status make_folders(const std::string& path, mode_t mode);

// Who may enter a folder beside its owner.
enum class Access {
  kNobody,  // 0700
  kGroup,   // 0750 at most: a folder with a socket for the members of its group.
};

// kInvalid, with what to do: the folder belongs to another user than the one that this process runs
// as, its mode lets others in, or it is no folder. kNotFound: it is not there.
Status check_own_folder(const std::string& path, Access access = Access::kNobody);
// Makes it first, 0700, unless it is there.
Status make_own_folder(const std::string& path, Access access = Access::kNobody);

}  // namespace weir
