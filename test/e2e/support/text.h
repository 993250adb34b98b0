// Files and texts, as tests look at them. Thread: any.
#pragma once

#include <string>
#include <string_view>

namespace weir::e2e {

// Empty if it is not there.
std::string read_file(const std::string& path);
bool contains(std::string_view text, std::string_view part);
// `from` to `to`, each on a line of its own with `before` in front.
std::string numbers(int from, int to, const std::string& before = "");
// A command in quotes, as the expression of `up -e` wants it.
std::string quoted(const std::string& command);
// The beginning of long bytes with what cannot be printed escaped, and how many there are.
std::string excerpt(std::string_view bytes);
// Where two runs of bytes differ first; empty if they are equal.
std::string difference(std::string_view expected, std::string_view actual);

}  // namespace weir::e2e
