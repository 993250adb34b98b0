#include "wrapper/tail/names.h"

#include <fnmatch.h>

#include <algorithm>
#include <array>

namespace weir::tail {
namespace {

constexpr std::array<std::string_view, 8> kCompressedSuffixes{".gz",  ".zst", ".xz", ".bz2",
                                                              ".lz4", ".zip", ".Z",  ".lzma"};

// What a rotation adds: a number, a date, or "old".
bool is_rotation_mark(std::string_view mark) {
  if (mark.size() < 2 || std::string_view(".-_").find(mark[0]) == std::string_view::npos) {
    return false;
  }
  mark.remove_prefix(1);
  if (mark == "old") return true;
  const bool has_digit = mark.find_first_of("0123456789") != std::string_view::npos;
  return has_digit && mark.find_first_not_of("0123456789.-_:+TZ") == std::string_view::npos;
}

void expand_in(const std::string& done, std::string_view rest, Files& files,
               std::set<std::string>& folders, std::vector<std::string>& troubles,
               std::vector<std::string>& found) {
  const size_t slash = rest.find('/');
  const std::string part(rest.substr(0, slash));
  const bool is_last = slash == std::string_view::npos;
  const std::string_view after = is_last ? std::string_view() : rest.substr(slash + 1);
  const auto go_on = [&](const std::string& name) {
    const std::string path = done.empty() ? name : done + name;
    if (is_last) {
      found.push_back(path);
    } else {
      expand_in(path + "/", after, files, folders, troubles, found);
    }
  };
  if (!is_pattern(part)) return go_on(part);
  const std::string folder = done.empty()       ? "."
                             : done.size() == 1 ? done
                                                : done.substr(0, done.size() - 1);
  folders.insert(folder);
  auto names = files.list(folder);
  if (!names) {
    if (names.error().code != ErrorCode::kNotFound) troubles.push_back(names.error().what);
    return;
  }
  std::sort(names->begin(), names->end());
  for (const std::string& name : *names) {
    if (::fnmatch(part.c_str(), name.c_str(), FNM_PERIOD) == 0) go_on(name);
  }
}

}  // namespace

bool is_pattern(std::string_view path) {
  return path.find_first_of("*?[") != std::string_view::npos;
}

std::vector<std::string> expand(const std::string& pattern, Files& files,
                                std::set<std::string>& folders,
                                std::vector<std::string>& troubles) {
  folders.insert(folder_of(pattern.substr(0, pattern.find_first_of("*?["))));
  std::vector<std::string> found;
  if (!is_pattern(pattern)) {
    found.push_back(pattern);
  } else {
    expand_in("", pattern, files, folders, troubles, found);
  }
  return found;
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string join(const std::string& folder, const std::string& name) {
  if (folder == ".") return name;
  return folder.back() == '/' ? folder + name : folder + "/" + name;
}

bool is_rotated_name(std::string_view base, std::string_view name) {
  if (name.starts_with(base) && is_rotation_mark(name.substr(base.size()))) return true;
  const size_t dot = base.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return false;
  const std::string_view stem = base.substr(0, dot);
  const std::string_view extension = base.substr(dot);
  if (name.size() <= base.size() || !name.starts_with(stem) || !name.ends_with(extension)) {
    return false;
  }
  return is_rotation_mark(name.substr(stem.size(), name.size() - base.size()));
}

bool is_compressed_name(std::string_view base, std::string_view name) {
  for (const std::string_view suffix : kCompressedSuffixes) {
    if (!name.ends_with(suffix)) continue;
    const std::string_view plain = name.substr(0, name.size() - suffix.size());
    if (plain == base || is_rotated_name(base, plain)) return true;
  }
  return false;
}

bool is_compressed(std::string_view begin) {
  using namespace std::string_view_literals;
  for (const std::string_view magic : {"\x1f\x8b"sv, "\x28\xb5\x2f\xfd"sv,
                                       "\xfd"
                                       "7zXZ\0"sv,
                                       "\x04\x22\x4d\x18"sv, "PK\x03\x04"sv}) {
    if (begin.starts_with(magic)) return true;
  }
  return begin.starts_with("BZh") && begin.size() >= 10 && begin.substr(4, 6) == "1AY&SY";
}

}  // namespace weir::tail
