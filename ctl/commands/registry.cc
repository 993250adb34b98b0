#include "ctl/commands/registry.h"

#include "ctl/commands/dead_list.h"
#include "ctl/commands/dead_show.h"
#include "ctl/commands/logs.h"
#include "ctl/commands/pipeline_check.h"
#include "ctl/commands/tree.h"
#include "ctl/commands/up.h"

namespace weir::ctl {

// In the order of the help.
void add_all_commands(Program& program) {
  add_pipeline_check(program);
  add_tree(program);
  add_up(program);
  add_logs(program);
  add_dead_list(program);
  add_dead_show(program);
}

}  // namespace weir::ctl
