// Sizes, durations and rates as people write and read them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "tcptools/base/result.hpp"

namespace tcptools {

// "1500", "10k", "10M", "1.5GiB", "2 TB": bytes, rounded down. Suffixes are case-insensitive; K M G T P and KiB.. are
// powers of 1024, KB.. powers of 1000, B is a byte. Fails with errc::usage on anything else, on a negative or missing
// number, and beyond 2^63 - 1.
[[nodiscard]] result<std::uint64_t> parse_size(std::string_view text);

// "250ms", "30s", "5m", "1.5h", "2d", and a bare number, which is seconds; rounded down. Fails with errc::usage on
// anything else, on a negative or missing number, and beyond 10 years.
[[nodiscard]] result<std::chrono::milliseconds> parse_duration(std::string_view text);

// At most 8 characters, powers of 1024, rounded down: "0 B", "999 B", "1.5 KiB", "12.0 GiB", "150 MiB".
[[nodiscard]] std::string format_size(std::uint64_t bytes);

// "350 ms", "2.4 s", "59 s", "3:05", "2:03:04", "3d 04h", rounded down; what is negative counts as 0.
[[nodiscard]] std::string format_duration(std::chrono::milliseconds duration);

// format_size of the bytes per second and "/s"; "0 B/s" where no time has passed.
[[nodiscard]] std::string format_rate(std::uint64_t bytes, std::chrono::milliseconds elapsed);

}  // namespace tcptools
