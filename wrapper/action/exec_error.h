// Why a program could not be started, in words for the person who wrote the pipeline.
#pragma once

#include <string>

namespace weir::action {

// A sentence for the errno of execve(path) in `working_directory` (empty: the current one). Looks
// at the file, because the errno alone says "No such file" also of a script whose interpreter is
// missing, and "Permission denied" of a folder.
std::string explain_exec_error(const std::string& path, const std::string& working_directory,
                               int errno_value);

}  // namespace weir::action
