// What has happened, a line each.
#pragma once

#include <string>

#include "schema/wire/control.h"

namespace weir::ctl {

// "2026-01-02T03:04:05.678Z  node.placed         quakes/strong on alpha: term 1\n"
std::string event_line(const wire::Event& event);

}  // namespace weir::ctl
