#include "tcptools/transfer/rate_limiter.hpp"

#include "support/catch.hpp"

using namespace tcptools::transfer;
using namespace std::chrono_literals;

TEST_CASE("bytes are spread over time", "[transfer]") {
  rate_limiter limiter{1000};
  const rate_limiter::clock::time_point start{};
  CHECK(limiter.reserve(500, start) == 0s);
  CHECK(limiter.reserve(500, start) == 500ms);
  CHECK(limiter.reserve(1000, start + 1s) == 0s);
  CHECK(limiter.reserve(1, start + 1500ms) == 500ms);
}

TEST_CASE("time that was not used is not saved up", "[transfer]") {
  rate_limiter limiter{1000};
  const rate_limiter::clock::time_point later = rate_limiter::clock::time_point{} + 1h;
  CHECK(limiter.reserve(1000, later) == 0s);
  CHECK(limiter.reserve(1000, later) == 1s);
}

TEST_CASE("pieces hold the rate over tenths of a second, within reason", "[transfer]") {
  CHECK(rate_limiter{1'000'000}.largest_piece() == 100'000);
  CHECK(rate_limiter{10}.largest_piece() == 512);
  CHECK(rate_limiter{1ULL << 40U}.largest_piece() == 262'144);
}
