// Plays the wrapper for tests that kill it: wrapper cgroup|descent LOCK COMMAND. Starts a guard and
// the command, prints the guard's pid, feeds the command a little, and then waits to be killed.
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "wrapper/action/guard_client.h"

int main(int argc, char** argv) {
  using namespace weir::action;
  if (argc != 4) return 2;
  GuardConfig config;
  config.program = GUARD_PROGRAM;
  config.use_cgroup = std::strcmp(argv[1], "cgroup") == 0;
  config.lock_path = argv[2];
  auto client = GuardClient::start(config);
  if (!client) {
    std::fprintf(stderr, "%s\n", client.error().what.c_str());
    return 1;
  }
  RunRequest request;
  request.argv = {"sh", "-c", argv[3]};
  auto pipes = client->spawn(RunId{1}, request);
  if (!pipes) return 1;
  std::printf("%d\n", client->pid());
  std::fflush(stdout);
  (void)!::write(pipes->stdin_write.get(), "some input\n", 11);
  while (true) ::pause();
}
