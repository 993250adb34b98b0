// Programs that buffer what they print when their stdout is a pipe: with `lines` and `frames` their
// answers come late, or only when their input ends.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir::graph {

struct BufferingFilter {
  std::string program;  // "sed"
  std::string remedy;   // What to write instead: "sed -u".
  bool stdbuf_helps;    // So that Buffering::kLine does.
};

// What `command` runs, if that is a lone filter known to buffer, without the option that keeps it
// from that. Nothing for anything that a shell has to put together.
std::optional<BufferingFilter> buffering_filter(std::string_view command);

}  // namespace weir::graph
