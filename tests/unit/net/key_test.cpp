#include "tcptools/net/key.hpp"

#include <algorithm>
#include <memory>
#include <type_traits>

#include "support/catch.hpp"

using namespace tcptools;
using namespace tcptools::net;
using namespace std::chrono_literals;

TEST_CASE("a secret is random, and itself") {
  const secret zero;
  const secret one = secret::random();
  const secret other = secret::random();
  CHECK(std::ranges::all_of(zero.bytes(), [](std::byte b) { return b == std::byte{}; }));
  CHECK(one == one);
  CHECK_FALSE(one == other);
  CHECK_FALSE(one == zero);
  const secret copy = one;  // NOLINT(performance-unnecessary-copy-initialization)
  CHECK(copy == one);
}

TEST_CASE("secrets that differ in any bit differ") {
  const secret one = secret::random();
  for (std::size_t bit = 0; bit < 8 * secret::size; ++bit) {
    secret other = one;
    other.bytes()[bit / 8] ^= std::byte{1} << (bit % 8);
    CHECK_FALSE(one == other);
  }
}

TEST_CASE("a secret is wiped when it goes") {
  alignas(secret) std::array<std::byte, sizeof(secret)> memory{};
  auto* const one = std::construct_at(reinterpret_cast<secret*>(memory.data()), secret::random());
  CHECK(std::ranges::count(memory, std::byte{}) < 16);
  std::destroy_at(one);
  // The compiler may take for granted that nobody looks here any more, but not that nobody looks through this.
  const volatile std::byte* const left = memory.data();
  for (std::size_t i = 0; i < memory.size(); ++i) CHECK(left[i] == std::byte{});
}

TEST_CASE("a key expires at a moment, and from that moment on") {
  key one;
  const std::chrono::sys_seconds moment{1'000s};
  CHECK_FALSE(one.is_expired(std::chrono::system_clock::time_point::max()));
  one.expires = moment;
  CHECK_FALSE(one.is_expired(moment - 1ns));
  CHECK(one.is_expired(moment));
  CHECK(one.is_expired(moment + 1h));
}
