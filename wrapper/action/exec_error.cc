#include "wrapper/action/exec_error.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "schema/base/mounts.h"
#include "schema/base/unique_fd.h"

namespace weir::action {
namespace {

// Enough for the first line of a script (the kernel reads 256) and a program's headers.
constexpr std::size_t kHeadBytes = 4096;

std::string text_of(int errno_value) {
  const char* text = ::strerrordesc_np(errno_value);
  return text == nullptr ? "errno " + std::to_string(errno_value) : text;
}

std::string absolute(const std::string& path, const std::string& working_directory) {
  if (path.starts_with('/') || working_directory.empty()) return path;
  return working_directory + "/" + path;
}

std::string head_of(const std::string& file) {
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return {};
  std::string head(kHeadBytes, '\0');
  const ssize_t size = ::read(fd.get(), head.data(), head.size());
  head.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return head;
}

bool is_elf(std::string_view head) { return head.starts_with(ELFMAG); }

// The interpreter that the first line of a script names; empty: it is no script.
std::string script_interpreter(std::string_view head) {
  if (!head.starts_with("#!")) return {};
  head =
      head.substr(2, head.find('\n') == std::string_view::npos ? head.size() : head.find('\n') - 2);
  const std::size_t begin = head.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  head.remove_prefix(begin);
  return std::string(head.substr(0, head.find_first_of(" \t")));
}

// The loader that a 64-bit program asks for; empty: none, or it is beyond the head.
std::string elf_loader(std::string_view head) {
  Elf64_Ehdr header;
  if (!is_elf(head) || head.size() < sizeof header || head[EI_CLASS] != ELFCLASS64) return {};
  std::memcpy(&header, head.data(), sizeof header);
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr part;
    const std::size_t at = header.e_phoff + std::size_t{i} * sizeof part;
    if (at > head.size() || head.size() - at < sizeof part) return {};
    std::memcpy(&part, head.data() + at, sizeof part);
    if (part.p_type != PT_INTERP) continue;
    if (part.p_offset > head.size() || head.size() - part.p_offset < part.p_filesz) return {};
    const std::string_view loader = head.substr(part.p_offset, part.p_filesz);
    return std::string(loader.substr(0, loader.find('\0')));
  }
  return {};
}

std::string machine_name(unsigned machine) {
  switch (machine) {
    case EM_X86_64:
      return "x86_64";
    case EM_386:
      return "i386";
    case EM_AARCH64:
      return "aarch64";
    case EM_ARM:
      return "arm";
    case EM_RISCV:
      return "riscv";
    case EM_PPC64:
      return "ppc64";
    case EM_S390:
      return "s390";
    default:
      return "machine number " + std::to_string(machine);
  }
}

// The file is there but the kernel says ENOENT.
std::string missing_part(const std::string& path, const std::string& head) {
  if (const std::string interpreter = script_interpreter(head); !interpreter.empty()) {
    std::string text = path + ": its interpreter " + interpreter + " does not exist";
    // The classic: a script that was saved with the line ends of another system.
    if (interpreter.ends_with('\r')) {
      text = path + ": its first line ends in a carriage return; save it with Unix line ends";
    }
    return text;
  }
  if (const std::string loader = elf_loader(head); !loader.empty()) {
    return path + ": its loader " + loader + " does not exist on this host";
  }
  return path + ": " + text_of(ENOENT);
}

std::string no_access(const std::string& path, const std::string& file, const struct stat& info,
                      const std::string& working_directory) {
  if (S_ISDIR(info.st_mode)) return path + ": is a directory";
  if (!S_ISREG(info.st_mode)) return path + ": is not a regular file";
  // First: access() says no of a file there whatever its mode is.
  if (const auto mount = noexec_mount(file)) return path + ": " + noexec_text(*mount);
  if (::access(file.c_str(), X_OK) != 0) {
    char mode[8];
    std::snprintf(mode, sizeof mode, "%04o", info.st_mode & 07777U);
    return path + ": is not executable (mode " + mode + "); chmod +x it";
  }
  const std::string interpreter = script_interpreter(head_of(file));
  if (!interpreter.empty()) {
    const std::string program = absolute(interpreter, working_directory);
    const std::string said = path + ": its interpreter " + interpreter + " ";
    if (const auto mount = noexec_mount(program)) return said + noexec_text(*mount);
    if (::access(program.c_str(), X_OK) != 0) return said + "is not executable";
  }
  return path + ": " + text_of(EACCES);
}

std::string wrong_format(const std::string& path, const std::string& file) {
  const std::string head = head_of(file);
  if (head.empty()) return path + ": is empty";
  if (!is_elf(head)) return path + ": is neither a program nor a script that begins with #!";
  utsname host{};
  ::uname(&host);
  if (head.size() >= offsetof(Elf64_Ehdr, e_machine) + sizeof(Elf64_Half)) {
    Elf64_Half machine = 0;
    std::memcpy(&machine, head.data() + offsetof(Elf64_Ehdr, e_machine), sizeof machine);
    if (machine_name(machine) != host.machine) {
      return path + ": is a program for " + machine_name(machine) + ", this host is " +
             host.machine;
    }
  }
  return path + ": is a damaged program";
}

}  // namespace

std::string explain_exec_error(const std::string& path, const std::string& working_directory,
                               int errno_value) {
  const std::string file = absolute(path, working_directory);
  struct stat info {};
  const bool there = ::stat(file.c_str(), &info) == 0;
  switch (errno_value) {
    case ENOENT:
      return there ? missing_part(path, head_of(file)) : path + ": no such file";
    case EACCES:
      return there ? no_access(path, file, info, working_directory) : path + ": " + text_of(EACCES);
    case ENOEXEC:
      return wrong_format(path, file);
    case ETXTBSY:
      return path + ": is still open for writing";
    case E2BIG:
      return path + ": the arguments and the environment are too long";
    default:
      return path + ": " + text_of(errno_value);
  }
}

}  // namespace weir::action
