// weirctl tree: the graph of a pipeline as a tree.
#pragma once

#include "ctl/cli/program.h"

namespace weir::ctl {

void add_tree(Program& program);

}  // namespace weir::ctl
