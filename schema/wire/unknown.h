// What is wrong with a message that decode() does not know, for people.
#pragma once

#include <string>

#include "schema/wire/control.h"

namespace weir::wire {

std::string to_string(const Unknown& unknown);

}  // namespace weir::wire
