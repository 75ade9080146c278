#include "tcptools/base/units.hpp"

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>

#include "support/catch.hpp"

using namespace std::chrono_literals;
using tcptools::errc;
using tcptools::format_duration;
using tcptools::format_rate;
using tcptools::format_size;
using tcptools::parse_duration;
using tcptools::parse_size;

namespace {

constexpr std::uint64_t kib = 1024;
constexpr std::uint64_t mib = 1024 * kib;
constexpr std::uint64_t gib = 1024 * mib;
constexpr std::uint64_t tib = 1024 * gib;
constexpr std::uint64_t pib = 1024 * tib;

template <class T>
void check_refused(const tcptools::result<T>& parsed, const std::string& text) {
  CAPTURE(text);
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().code() == errc::usage);
  CHECK(parsed.error().text().starts_with("'" + text + "' is "));
}

}  // namespace

TEST_CASE("sizes are read") {
  const auto [text, bytes] = GENERATE(table<std::string, std::uint64_t>({
      {"0", 0},
      {"1500", 1500},
      {"007", 7},
      {"12b", 12},
      {"10k", 10 * kib},
      {"10K", 10 * kib},
      {"10KiB", 10 * kib},
      {"10kb", 10'000},
      {"10M", 10 * mib},
      {"3mib", 3 * mib},
      {"3MB", 3'000'000},
      {"1.5GiB", gib + gib / 2},
      {"1.25g", gib + gib / 4},
      {"2 TB", 2'000'000'000'000},
      {"2 t", 2 * tib},
      {"1PiB", pib},
      {"1PB", 1'000'000'000'000'000},
      {"0.5k", 512},
      {"0.9999999999999999999999999999999k", 1023},
      {"1.000000000000000000000000000000k", 1024},
      {"1.9", 1},
      {"9007199254740993", 9'007'199'254'740'993},
      {"8191.999999999999999P", 9'223'372'036'854'775'806},
      {"9223372036854775807", 9'223'372'036'854'775'807},
  }));
  CAPTURE(text);
  const auto parsed = parse_size(text);
  REQUIRE(parsed);
  CHECK(*parsed == bytes);
}

TEST_CASE("what is no size is refused with its text") {
  for (const auto* text : {"",   " ",  "k",    ".5k", "5.",   "5.k", "-1",  "+1",   "1e3",    "1,5k", "0x10",
                           " 1", "1 ", "1  k", "1k ", "1 kk", "1ki", "1bb", "1EiB", "1.5.5k", "inf",  "nan"}) {
    check_refused(parse_size(text), text);
  }
}

TEST_CASE("a size that is too large is refused with its text") {
  for (const auto* text : {"9223372036854775808", "18446744073709551616", "99999999999999999999999", "8192P"}) {
    check_refused(parse_size(text), text);
  }
}

TEST_CASE("a refused text is shown harmlessly") {
  const auto parsed = parse_size("\x1B[2J");
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().text() == "'\\x1B[2J' is not a size such as 1500, 10M or 1.5GiB");
}

TEST_CASE("durations are read") {
  const auto [text, duration] = GENERATE(table<std::string, std::chrono::milliseconds>({
      {"0", 0ms},
      {"30", 30s},
      {"0.25", 250ms},
      {"250ms", 250ms},
      {"30s", 30s},
      {"5m", 5min},
      {"1.5h", 90min},
      {"2d", 48h},
      {"2 d", 48h},
      {"0.5ms", 0ms},
      {"3652d", 24h * 3652},
  }));
  CAPTURE(text);
  const auto parsed = parse_duration(text);
  REQUIRE(parsed);
  CHECK(*parsed == duration);
}

TEST_CASE("what is no duration is refused with its text") {
  for (const auto* text : {"", "s", "-1s", "+1s", "1.s", ".5s", "1 ", "1w", "1y", "5min", "1h30m", "inf"}) {
    check_refused(parse_duration(text), text);
  }
}

TEST_CASE("a duration that is too long is refused with its text") {
  for (const auto* text : {"3653d", "99999999999999d", "99999999999999999999"}) {
    check_refused(parse_duration(text), text);
  }
}

TEST_CASE("sizes are written in at most eight characters, rounded down") {
  const auto [bytes, text] = GENERATE(table<std::uint64_t, std::string>({
      {0, "0 B"},
      {999, "999 B"},
      {1023, "1023 B"},
      {kib, "1.0 KiB"},
      {kib + kib / 2, "1.5 KiB"},
      {10 * kib - 1, "9.9 KiB"},
      {100 * kib - 1, "99.9 KiB"},
      {100 * kib, "100 KiB"},
      {mib - 1, "1023 KiB"},
      {mib, "1.0 MiB"},
      {12 * gib, "12.0 GiB"},
      {tib - 1, "1023 GiB"},
      {tib, "1.0 TiB"},
      {pib, "1.0 PiB"},
      {1024 * pib - 1, "1023 PiB"},
      {1024 * pib, "1.0 EiB"},
      {std::numeric_limits<std::uint64_t>::max(), "15.9 EiB"},
  }));
  CAPTURE(bytes);
  CHECK(format_size(bytes) == text);
  CHECK(text.size() <= 8);
}

TEST_CASE("durations are written with what matters of them, rounded down") {
  const auto [duration, text] = GENERATE(table<std::chrono::milliseconds, std::string>({
      {-5s, "0 ms"},
      {0ms, "0 ms"},
      {350ms, "350 ms"},
      {999ms, "999 ms"},
      {1s, "1.0 s"},
      {2499ms, "2.4 s"},
      {9999ms, "9.9 s"},
      {10s, "10 s"},
      {59999ms, "59 s"},
      {60s, "1:00"},
      {3min + 5s, "3:05"},
      {59min + 59s, "59:59"},
      {1h, "1:00:00"},
      {2h + 3min + 4s, "2:03:04"},
      {24h - 1ms, "23:59:59"},
      {24h, "1d 00h"},
      {76h, "3d 04h"},
      {24h * 3652, "3652d 00h"},
  }));
  CHECK(format_duration(duration) == text);
}

TEST_CASE("rates are sizes per second") {
  CHECK(format_rate(0, 1s) == "0 B/s");
  CHECK(format_rate(10 * mib, 2s) == "5.0 MiB/s");
  CHECK(format_rate(1, 1500ms) == "0 B/s");
  CHECK(format_rate(kib, 500ms) == "2.0 KiB/s");
  CHECK(format_rate(kib, 0ms) == "0 B/s");
  CHECK(format_rate(kib, -1s) == "0 B/s");
  CHECK(format_rate(std::numeric_limits<std::uint64_t>::max(), 1ms) == "15.9 EiB/s");
}
