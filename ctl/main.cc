// weirctl: the command-line tool. All that can be tested is in the library.
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "ctl/commands/registry.h"
#include "ctl/exit_code.h"
#include "ctl/program.h"

int main(int argc, char** argv) {
  try {
    weir::ctl::Program program({std::cin, std::cout, std::cerr});
    weir::ctl::add_all_commands(program);
    const int code = program.run(std::vector<std::string>(argv + 1, argv + argc));
    std::cout.flush();
    if (!std::cout && code == weir::ctl::kDone) {
      std::cerr << "weirctl: could not write to standard output\n";
      return weir::ctl::kFailed;
    }
    return code;
  } catch (const std::exception& error) {
    std::cerr << "weirctl: " << error.what() << "\n";
    return weir::ctl::kFailed;
  }
}
