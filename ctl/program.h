// weirctl without main: the command line, and which command it stands for.
//
// A command is one file in commands/ with one function that adds it here; commands/registry.cc
// calls them all.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/error.h"

namespace weir::ctl {

// Where a command reads and writes; tests put strings here.
struct Streams {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
};

struct CommandHelp {
  std::string_view summary;   // One line, small letter first, no full stop.
  std::string_view examples;  // Lines as they are typed; shown first.
};

class Program {
 public:
  explicit Program(Streams streams);
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // Adds the command with this path, such as "tree" or "pipeline check"; the words before the last
  // are groups and are made as needed. Add options to what is returned; values that they fill must
  // live as long as `action`, which returns the exit code.
  CLI::App* add_command(std::string_view path, const CommandHelp& help,
                        std::function<int()> action);

  CLI::App& root() { return root_; }
  Streams& streams() { return streams_; }

  // Reads the arguments (without the program's name) and runs the command. Returns the exit code;
  // usage errors have been printed.
  int run(std::vector<std::string> arguments);

  // Prints "weirctl: WHAT" and a hint. Returns the exit code that belongs to it.
  int fail(const Error& error);
  int fail_usage(std::string_view message, std::string_view hint = "");

 private:
  CLI::App* group(CLI::App& parent, const std::string& name);
  bool names_known_commands(const std::vector<std::string>& arguments);
  int refuse_extras();

  Streams streams_;
  CLI::App root_;
  std::function<int()> action_;  // Of the command that was chosen.
};

// "weirctl 0.1.0".
std::string version_text();

}  // namespace weir::ctl
