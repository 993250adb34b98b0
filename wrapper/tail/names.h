// Names of files: patterns, and what log rotation makes of a name. Pure but for the listing.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "wrapper/tail/files.h"

namespace weir::tail {

// True if it has any of * ? [ .
bool is_pattern(std::string_view path);

// The paths that a pattern stands for, as a shell would: * and ? do not match a slash, nor a dot at
// the beginning of a name. A path without * ? [ stands for itself, whether it is there or not.
// `folders` gets every folder that was looked into. `troubles` gets those that cannot be listed,
// and why; one that is not there is none.
std::vector<std::string> expand(const std::string& pattern, Files& files,
                                std::set<std::string>& folders, std::vector<std::string>& troubles);

// "." for a name without a folder.
std::string folder_of(const std::string& path);
std::string name_of(const std::string& path);
std::string join(const std::string& folder, const std::string& name);

// True if `name` is what a rotation makes of `base` in the same folder: app.log.1,
// app.log-20240131, app.log.old, app-20240131.log, app.1.log.
bool is_rotated_name(std::string_view base, std::string_view name);
// The same, compressed: app.log.1.gz, app.log.gz.
bool is_compressed_name(std::string_view base, std::string_view name);
// By its first bytes: gzip, zstd, xz, bzip2, lz4, zip.
bool is_compressed(std::string_view begin);

}  // namespace weir::tail
