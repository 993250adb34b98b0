// weirctl: the command-line tool. All that can be tested is in the library.
#include <unistd.h>

#include <exception>
#include <istream>
#include <ostream>
#include <string>
#include <system_error>
#include <vector>

#include "ctl/base/exit_code.h"
#include "ctl/cli/program.h"
#include "ctl/commands/registry.h"
#include "ctl/output/fd_stream.h"
#include "schema/runtime/standard_fds.h"

int main(int argc, char** argv) {
  weir::runtime::reserve_standard_fds();
  weir::ctl::FdStreambuf in_bytes(STDIN_FILENO);
  weir::ctl::FdStreambuf out_bytes(STDOUT_FILENO);
  weir::ctl::FdStreambuf err_bytes(STDERR_FILENO);
  std::istream in(&in_bytes);
  std::ostream out(&out_bytes);
  std::ostream err(&err_bytes);
  err << std::unitbuf;
  try {
    weir::ctl::Program program({in, out, err});
    weir::ctl::add_all_commands(program);
    const int code = program.run(std::vector<std::string>(argv + 1, argv + argc));
    out.flush();
    if (out_bytes.failure() == 0 || code != weir::ctl::kDone) return code;
    err << "weirctl: write standard output: "
        << std::generic_category().message(out_bytes.failure()) << "\n";
    return weir::ctl::kFailed;
  } catch (const std::exception& error) {
    err << "weirctl: " << error.what() << "\n";
    return weir::ctl::kFailed;
  }
}
