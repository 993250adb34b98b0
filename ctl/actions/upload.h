// Files to the broker, and back: actions in pieces of 1 MiB, over the Broker seam.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "ctl/actions/action_file.h"
#include "ctl/client/broker.h"

namespace weir::ctl {

struct Uploaded {
  wire::ActionRef action;
  bool is_new = false;  // False: the newest version had this content already.
};

// How far it has come; called before each piece.
using OnPiece = std::function<void(uint64_t done, uint64_t total)>;

// Goes on where an earlier try ended, as far as the broker still has it. Errors: those of reading
// the file and of asking; kUnavailable: the broker forgot what it had, again and again.
Result<Uploaded> upload_action(Broker& broker, const std::string& name, const ActionFile& file,
                               const OnPiece& on_piece);

// Gives the content of an action to `write`, in order. kCorrupt: it is not what its hash says;
// what was written is then of no use.
Status fetch_action(Broker& broker, const wire::ActionRef& action,
                    const std::function<Status(std::string_view)>& write, const OnPiece& on_piece);

}  // namespace weir::ctl
