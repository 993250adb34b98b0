// Looking at processes that run: which belong to a cluster, what they have used so far.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace weir::bench {

struct Process {
  pid_t pid = 0;
  std::string name;  // "weir-wrapper"; of others what /proc calls them.
  std::string node;  // Of a wrapper.
};

// All that descends from it, itself included, parents first.
std::vector<Process> tree_of(pid_t root);
// The wrapper of a node; 0 while there is none.
pid_t wrapper_of(pid_t root, const std::string& node);

// Each is 0 when the process is gone.
double cpu_seconds(pid_t pid);
// Its own, and that of all its descendants.
double tree_cpu_seconds(pid_t root);
// Of its children that it has waited for.
double waited_cpu_seconds(pid_t pid);
uint64_t resident_bytes(pid_t pid);
uint64_t peak_resident_bytes(pid_t pid);
// What it had the disk write, past the page cache or into it.
uint64_t written_bytes(pid_t pid);

}  // namespace weir::bench
