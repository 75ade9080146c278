#include "tcptools/chat/flood_control.hpp"

#include <chrono>

#include "support/catch.hpp"

using namespace tcptools::chat;
using namespace std::chrono_literals;

namespace {

using flood_clock = flood_control::clock;

constexpr flood_clock::time_point flood_start{1000h};
constexpr flood_limits ten_a_second{10, 20, 1000, 5000, false};

// How many messages of this size are taken in a row, at most 1000.
int taken_in_a_row(flood_control& control, const flood_limits& limits, std::size_t bytes, flood_clock::time_point now) {
  int count = 0;
  while (count < 1000 && control.may_go_on(limits, now)) {
    control.take(limits, bytes, now);
    ++count;
  }
  return count;
}

}  // namespace

TEST_CASE("a burst of messages is taken, then as many as the rate says") {
  flood_control control;
  CHECK(taken_in_a_row(control, ten_a_second, 1, flood_start) == 20);
  CHECK(taken_in_a_row(control, ten_a_second, 1, flood_start) == 0);
  CHECK(taken_in_a_row(control, ten_a_second, 1, flood_start + 50ms) == 0);
  CHECK(taken_in_a_row(control, ten_a_second, 1, flood_start + 110ms) == 1);
  CHECK(taken_in_a_row(control, ten_a_second, 1, flood_start + 1110ms) == 10);
}

TEST_CASE("what was not said is not saved beyond a burst") {
  flood_control control;
  CHECK(taken_in_a_row(control, ten_a_second, 1, flood_start) == 20);
  CHECK(taken_in_a_row(control, ten_a_second, 1, flood_start + 24h) == 20);
}

TEST_CASE("bytes are limited like messages; a long message may overdraw them and is paid for after") {
  flood_control control;
  CHECK(taken_in_a_row(control, ten_a_second, 2500, flood_start) == 2);
  CHECK_FALSE(control.may_go_on(ten_a_second, flood_start));

  flood_control overdrawn;
  overdrawn.take(ten_a_second, 4999, flood_start);
  REQUIRE(overdrawn.may_go_on(ten_a_second, flood_start));
  overdrawn.take(ten_a_second, 4000, flood_start);
  CHECK_FALSE(overdrawn.may_go_on(ten_a_second, flood_start + 3900ms));
  CHECK(overdrawn.may_go_on(ten_a_second, flood_start + 4100ms));
}

TEST_CASE("it says when it goes on, neither too early nor much too late") {
  for (const std::size_t bytes : {1U, 300U, 4000U, 60'000U}) {
    flood_control control;
    (void)taken_in_a_row(control, ten_a_second, bytes, flood_start);
    const flood_clock::time_point when = control.when(ten_a_second, flood_start);
    CHECK(when > flood_start);
    flood_control a_little_earlier = control;
    CHECK_FALSE(a_little_earlier.may_go_on(ten_a_second, when - 3ms));
    CHECK(control.may_go_on(ten_a_second, when));
  }
}

TEST_CASE("time passing in small steps is not lost") {
  flood_control control;
  const flood_limits usual;
  (void)taken_in_a_row(control, usual, 16'384, flood_start);
  REQUIRE_FALSE(control.may_go_on(usual, flood_start));
  int count = 0;
  for (auto now = flood_start; now < flood_start + 10s; now += 50us) {
    if (!control.may_go_on(usual, now)) continue;
    control.take(usual, 16'384, now);
    ++count;
  }
  // 128 KiB a second.
  CHECK(count >= 79);
  CHECK(count <= 81);
}

TEST_CASE("turned off, it lets everything pass") {
  flood_control control;
  flood_limits off = ten_a_second;
  off.off = true;
  CHECK(taken_in_a_row(control, off, 1U << 20U, flood_start) == 1000);
}
