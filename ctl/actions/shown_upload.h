// An upload as commands do it: with progress, remarks, and a line at the end.
#pragma once

#include <string>

#include "ctl/actions/upload.h"
#include "ctl/cli/session.h"

namespace weir::ctl {

// Uploads the file and shows how far it has come.
Result<Uploaded> upload_with_progress(Program& program, Session& session, const std::string& name,
                                      const ActionFile& file);

// "action 'num_gen': version 2, 1.2 MiB, sha256 ...", a line.
std::string describe(const Uploaded& uploaded);

}  // namespace weir::ctl
