// Anything may arrive on a control socket; what decode() lets through must be within its limits and
// must survive being written and read again.
#include "schema/wire/control.h"
#include "schema/base/check.h"
#include "test/fuzz/fuzz.h"

namespace weir::fuzz {

void fuzz_one(std::string_view data) {
  (void)wire::request_of(data);
  (void)wire::decode_order(data);
  (void)wire::decode_spec(data);
  const auto envelope = wire::decode(data);
  if (!envelope || std::holds_alternative<wire::Unknown>(envelope->message)) return;
  const auto again = wire::encode(*envelope);
  if (!again) return;  // Defaults that were filled in made it too large.
  const auto back = wire::decode(*again);
  WEIR_CHECK(back.has_value() && *back == *envelope, "a decoded message changed");
}

}  // namespace weir::fuzz
