// How much of what differs only by a number that was picked is done.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define TCPTOOLS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TCPTOOLS_SANITIZED 1
#endif
#endif

namespace tcptools::testing {

// Every one; under the address sanitizer, which makes everything ten times slower, every seventh. Seven is prime to two
// and three, so that what depends on whether a seed is even happens all the same.
#if defined(TCPTOOLS_SANITIZED)
inline constexpr unsigned stride = 7;
#else
inline constexpr unsigned stride = 1;
#endif

}  // namespace tcptools::testing
