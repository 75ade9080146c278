#include "tcptools/net/waiting_room.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "support/catch.hpp"

using tcptools::net::origin_of;
using tcptools::net::waiting_room;
using namespace std::chrono_literals;

namespace {

using ticket = waiting_room::ticket;

asio::ip::address at(const std::string& text) { return asio::ip::make_address(text); }
// The `number`th address of many.
asio::ip::address one_of_many(unsigned number) { return asio::ip::address_v4{0x0A00'0000U + number}; }

constexpr waiting_room::clock::time_point start{1h};

}  // namespace

TEST_CASE("an origin is an IPv4 address or a /64") {
  CHECK(origin_of(at("192.0.2.7")) == at("192.0.2.7"));
  CHECK(origin_of(at("::ffff:192.0.2.7")) == at("192.0.2.7"));
  CHECK(origin_of(at("2001:db8:1:2:3:4:5:6")) == at("2001:db8:1:2::"));
  CHECK(origin_of(at("2001:db8:1:2:ffff::")) == at("2001:db8:1:2::"));
  CHECK(origin_of(at("2001:db8:1:3::1")) != origin_of(at("2001:db8:1:2::1")));
  CHECK(origin_of(at("fe80::1%1")) == at("fe80::"));
}

TEST_CASE("while there is room nobody goes") {
  waiting_room room{{4, 4, 1s}};
  for (int i = 0; i < 4; ++i) CHECK(room.enter(at("192.0.2.1"), start + 1h).to_go.empty());
  CHECK(room.size() == 4);
}

TEST_CASE("where there is none the oldest of the origin with most goes") {
  waiting_room room{{5, 5, 1s}};
  const ticket few = room.enter(at("192.0.2.1"), start).given;
  std::vector<ticket> many;
  for (int i = 0; i < 4; ++i) many.push_back(room.enter(at("192.0.2.2"), start).given);

  // Also where it comes from there itself, and whatever the newcomer's age.
  CHECK(room.enter(at("192.0.2.2"), start).to_go == std::vector{many[0]});
  CHECK(room.enter(at("192.0.2.3"), start).to_go == std::vector{many[1]});
  CHECK(room.enter(at("192.0.2.3"), start).to_go == std::vector{many[2]});
  CHECK(room.has(few));
  CHECK_FALSE(room.has(many[2]));
  CHECK(room.size() == 5);
}

TEST_CASE("among origins with as many the one that has waited longest goes") {
  waiting_room room{{3, 3, 1s}};
  const ticket first = room.enter(at("192.0.2.9"), start).given;
  const ticket second = room.enter(at("192.0.2.1"), start).given;
  (void)room.enter(at("192.0.2.5"), start);
  CHECK(room.enter(at("192.0.2.7"), start).to_go == std::vector{first});
  CHECK(room.enter(at("192.0.2.8"), start).to_go == std::vector{second});
}

TEST_CASE("those of one origin go when it has its seats and they have had their time") {
  waiting_room room{{100, 3, 1s}};
  std::vector<ticket> all;
  for (int i = 0; i < 5; ++i) {
    const waiting_room::entry entry = room.enter(at("2001:db8::1"), start + i * 100ms);
    CHECK(entry.to_go.empty());
    all.push_back(entry.given);
  }
  // One of another /64, and two more of the same.
  CHECK(room.enter(at("2001:db8:0:1::"), start + 1100ms).to_go.empty());
  CHECK(room.enter(at("2001:db8::2"), start + 1150ms).to_go == std::vector{all[0], all[1]});
  CHECK(room.enter(at("2001:db8::3"), start + 10s).to_go.size() == 2);
  CHECK(room.size() == 4);
}

TEST_CASE("whom a proxy speaks for counts as itself from then on") {
  waiting_room room{{3, 3, 1s}};
  const ticket first = room.enter(at("192.0.2.1"), start).given;
  const ticket second = room.enter(at("192.0.2.1"), start).given;
  const ticket third = room.enter(at("192.0.2.1"), start).given;
  room.move(first, at("198.51.100.1"));
  CHECK(room.enter(at("203.0.113.1"), start).to_go == std::vector{second});
  room.move(third, at("198.51.100.1"));
  CHECK(room.enter(at("203.0.113.2"), start).to_go == std::vector{first});
}

TEST_CASE("who leaves makes room") {
  waiting_room room{{2, 2, 1s}};
  const ticket first = room.enter(at("192.0.2.1"), start).given;
  (void)room.enter(at("192.0.2.2"), start);
  room.leave(first);
  CHECK_FALSE(room.has(first));
  CHECK(room.enter(at("192.0.2.3"), start).to_go.empty());
}

TEST_CASE("a thousand that wait keep no other out, wherever they come from") {
  waiting_room room{{}};
  for (unsigned i = 0; i < 5'000; ++i) (void)room.enter(one_of_many(i % 700), start + i * 1ms);
  CHECK(room.size() == 1'000);
  const ticket real = room.enter(at("192.0.2.1"), start + 5s).given;
  // It has its seat until as many have come after it.
  for (unsigned i = 0; i < 900; ++i) (void)room.enter(one_of_many(100'000 + i), start + 6s);
  CHECK(room.has(real));
  CHECK(room.size() == 1'000);
}
