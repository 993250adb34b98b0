#include "ctl/commands/registry.h"

#include "ctl/commands/action_get.h"
#include "ctl/commands/action_list.h"
#include "ctl/commands/action_put.h"
#include "ctl/commands/action_rm.h"
#include "ctl/commands/agent_list.h"
#include "ctl/commands/agent_rm.h"
#include "ctl/commands/dead_drop.h"
#include "ctl/commands/dead_list.h"
#include "ctl/commands/dead_retry.h"
#include "ctl/commands/dead_show.h"
#include "ctl/commands/events.h"
#include "ctl/commands/logs.h"
#include "ctl/commands/pipeline_abandon.h"
#include "ctl/commands/pipeline_check.h"
#include "ctl/commands/pipeline_get.h"
#include "ctl/commands/pipeline_list.h"
#include "ctl/commands/pipeline_put.h"
#include "ctl/commands/pipeline_rm.h"
#include "ctl/commands/pipeline_run.h"
#include "ctl/commands/pipeline_status.h"
#include "ctl/commands/pipeline_stop.h"
#include "ctl/commands/status.h"
#include "ctl/commands/top.h"
#include "ctl/commands/tree.h"
#include "ctl/commands/up.h"
#include "ctl/commands/wal_dump.h"
#include "ctl/commands/wal_verify.h"

namespace weir::ctl {

// In the order of the help.
void add_all_commands(Program& program) {
  program.describe_group("pipeline", "check, store, run, stop and remove pipelines");
  program.describe_group("action", "upload the programs that pipelines run");
  program.describe_group("agent", "the servers");
  program.describe_group("dead", "records that no run of their program has accepted");
  program.describe_group("wal", "look at the log of a node that does not run");
  add_up(program);
  add_status(program);
  add_pipeline_check(program);
  add_pipeline_put(program);
  add_pipeline_list(program);
  add_pipeline_get(program);
  add_pipeline_run(program);
  add_pipeline_status(program);
  add_pipeline_stop(program);
  add_pipeline_abandon(program);
  add_pipeline_rm(program);
  add_action_put(program);
  add_action_list(program);
  add_action_get(program);
  add_action_rm(program);
  add_agent_list(program);
  add_agent_rm(program);
  add_tree(program);
  add_top(program);
  add_events(program);
  add_logs(program);
  add_dead_list(program);
  add_dead_show(program);
  add_dead_retry(program);
  add_dead_drop(program);
  add_wal_verify(program);
  add_wal_dump(program);
}

}  // namespace weir::ctl
