// How much longer things may take in this build.
#pragma once

namespace weir::e2e {

// Sanitizers make programs several times slower, and starting them most of all; limits that only a
// hang should meet must stay out of reach of two hundred wrappers on two cores.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
inline constexpr int kSlowdown = kSanitized ? 5 : 1;

}  // namespace weir::e2e
