// weir-guard: see guard.h and docs/guard.md. Not for people: weir-wrapper starts it.
#include <fcntl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "schema/runtime/process_tree.h"
#include "wrapper/action/guard.h"
#include "wrapper/action/program_start.h"

namespace {

using namespace weir;
using namespace weir::action;

void set_signals() {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &action, nullptr);
  action.sa_handler = SIG_IGN;
  for (const int signal : kIgnoredSignals) ::sigaction(signal, &action, nullptr);
}

UniqueFd watch_children() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  return UniqueFd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

}  // namespace

int main(int argc, char** argv) {
  set_signals();
  if (::fcntl(kGuardControlFd, F_GETFD) < 0 || ::fcntl(kGuardLockFd, F_GETFD) < 0) {
    std::fprintf(stderr, "weir-guard is started by weir-wrapper, not by hand\n");
    return 2;
  }
  ::setsid();  // Fails when the wrapper's spawn did it already.
  ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  if (!runtime::become_subreaper()) {
    std::fprintf(stderr, "weir-guard: cannot become a subreaper\n");
    return 1;
  }
  UniqueFd children = watch_children();
  if (!children.valid()) return 1;

  bool use_cgroup = true;
  std::string oom_file;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--no-cgroup") use_cgroup = false;
    if (std::string_view(argv[i]) == "--umask" && i + 1 < argc) {
      ::umask(static_cast<mode_t>(std::strtoul(argv[++i], nullptr, 10)));
    }
    if (std::string_view(argv[i]) == "--oom-file" && i + 1 < argc) oom_file = argv[++i];
  }
  std::string why_not;
  std::unique_ptr<RunTree> tree = use_cgroup ? make_cgroup_tree(&why_not) : nullptr;
  if (!tree) tree = make_group_tree();
  Guard guard(UniqueFd(kGuardControlFd), UniqueFd(kGuardLockFd), std::move(children),
              std::move(tree), OomKills(std::move(oom_file)));
  guard.run();
  return 0;
}
