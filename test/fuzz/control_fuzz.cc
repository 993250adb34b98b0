// Anything may arrive on a control socket; what decode() lets through must be within its limits and
// must survive being written and read again.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "schema/base/check.h"
#include "schema/wire/control.h"

int fuzz_control(const uint8_t* data, size_t size) {
  using namespace weir::wire;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)request_of(bytes);
  (void)decode_order(bytes);
  (void)decode_spec(bytes);
  const auto envelope = decode(bytes);
  if (!envelope || std::holds_alternative<Unknown>(envelope->message)) return 0;
  const auto again = encode(*envelope);
  if (!again) return 0;  // Defaults that were filled in made it too large.
  const auto back = decode(*again);
  WEIR_CHECK(back.has_value() && *back == *envelope, "a decoded message changed");
  return 0;
}
