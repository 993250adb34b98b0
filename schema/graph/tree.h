// A pipeline as a tree for people, sources at the left margin:
//
//   numgen
//    +--> even (x 4)
//          +--> print
//          +--> count
//
// A node that is reached again is named with "(see above)" and not expanded again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "schema/graph/pipeline.h"

namespace weir::graph {

// One line of the tree, without its newline.
struct TreeLine {
  std::string text;
  uint32_t node = 0;       // Index.
  bool is_repeat = false;  // The node stands further up too.

  bool operator==(const TreeLine&) const = default;
};

// `instances`: how many instances each node has, by index; shown where it is more than 1. Empty:
// one of each. The pipeline must be acyclic.
std::vector<TreeLine> tree_lines(const PipelineSpec& spec,
                                 const std::vector<uint32_t>& instances = {});
std::string render_tree(const PipelineSpec& spec, const std::vector<uint32_t>& instances = {});

}  // namespace weir::graph
