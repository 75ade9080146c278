#include "tcptools/net/failure_throttle.hpp"

#include <string>

#include "support/catch.hpp"

using namespace tcptools::net;
using namespace std::chrono_literals;

namespace {

constexpr failure_throttle::time_point first_moment{1'000s};

asio::ip::address from(const std::string& text) { return asio::ip::make_address(text); }

// Whether any of the failures was said to block.
bool fail(failure_throttle& throttle, const std::string& address, int times,
          failure_throttle::time_point when = first_moment) {
  bool has_blocked = false;
  for (int i = 0; i < times; ++i) has_blocked |= throttle.note_failure(from(address), when);
  return has_blocked;
}

}  // namespace

TEST_CASE("the tenth failure at once blocks an address, and nobody else") {
  failure_throttle throttle;
  CHECK_FALSE(throttle.is_blocked(from("192.0.2.1"), first_moment));
  CHECK_FALSE(fail(throttle, "192.0.2.1", 9));
  CHECK_FALSE(throttle.is_blocked(from("192.0.2.1"), first_moment));
  CHECK(throttle.note_failure(from("192.0.2.1"), first_moment));
  CHECK(throttle.is_blocked(from("192.0.2.1"), first_moment));
  CHECK_FALSE(throttle.is_blocked(from("192.0.2.2"), first_moment));
  CHECK_FALSE(throttle.is_blocked(from("::1"), first_moment));
}

TEST_CASE("one failure is forgiven every six seconds") {
  failure_throttle throttle;
  (void)fail(throttle, "192.0.2.1", 10);
  CHECK(throttle.is_blocked(from("192.0.2.1"), first_moment + 6s - 1ns));
  CHECK_FALSE(throttle.is_blocked(from("192.0.2.1"), first_moment + 6s));
  // The next one is again one too many.
  CHECK(fail(throttle, "192.0.2.1", 1, first_moment + 6s));
  CHECK(throttle.is_blocked(from("192.0.2.1"), first_moment + 6s));
  // All are forgiven in the end.
  CHECK_FALSE(fail(throttle, "192.0.2.1", 9, first_moment + 66s));
  CHECK(fail(throttle, "192.0.2.1", 1, first_moment + 66s));
}

TEST_CASE("who fails now and then is never blocked") {
  failure_throttle throttle;
  for (int i = 0; i < 1'000; ++i) CHECK_FALSE(fail(throttle, "192.0.2.1", 1, first_moment + i * 6s));
}

TEST_CASE("becoming blocked is said once, and more failures do not make it longer") {
  failure_throttle throttle;
  CHECK(fail(throttle, "192.0.2.1", 10));
  CHECK_FALSE(fail(throttle, "192.0.2.1", 1'000));
  CHECK(throttle.is_blocked(from("192.0.2.1"), first_moment + 5s));
  CHECK_FALSE(throttle.is_blocked(from("192.0.2.1"), first_moment + 6s));
}

TEST_CASE("IPv6 addresses count by their network, IPv4 ones as themselves in either form") {
  failure_throttle throttle;
  CHECK_FALSE(fail(throttle, "2001:db8:0:1::1", 5));
  CHECK(fail(throttle, "2001:db8:0:1:ffff::2", 5));
  CHECK(throttle.is_blocked(from("2001:db8:0:1::3"), first_moment));
  CHECK_FALSE(throttle.is_blocked(from("2001:db8:0:2::1"), first_moment));

  CHECK_FALSE(fail(throttle, "192.0.2.1", 5));
  CHECK(fail(throttle, "::ffff:192.0.2.1", 5));
  CHECK(throttle.is_blocked(from("192.0.2.1"), first_moment));
  CHECK(throttle.is_blocked(from("::ffff:192.0.2.1"), first_moment));
  CHECK_FALSE(throttle.is_blocked(from("::ffff:192.0.2.2"), first_moment));
  // The same bits, of the other family.
  CHECK_FALSE(throttle.is_blocked(from("0:0:c000:201::"), first_moment));
}

TEST_CASE("where there are too many the least blamed are forgotten") {
  failure_throttle throttle;
  const auto numbered = [](std::size_t i) {
    return asio::ip::address{asio::ip::address_v4{0x0A000000U + unsigned(i)}};
  };
  CHECK(fail(throttle, "192.0.2.1", 10));
  CHECK_FALSE(fail(throttle, "192.0.2.2", 9));
  for (std::size_t i = 0; i < 3 * failure_throttle::most_addresses; ++i) {
    CHECK_FALSE(throttle.note_failure(numbered(i), first_moment + 1ns * i));
  }
  CHECK(throttle.is_blocked(from("192.0.2.1"), first_moment + 1s));
  CHECK(fail(throttle, "192.0.2.2", 1, first_moment + 1s));
  // The first of them is long forgotten: it has its ten failures again.
  CHECK_FALSE(throttle.is_blocked(numbered(0), first_moment + 1s));
  for (int i = 0; i < 9; ++i) CHECK_FALSE(throttle.note_failure(numbered(0), first_moment + 1s));
}
