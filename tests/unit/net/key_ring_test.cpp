#include "tcptools/net/key_ring.hpp"

#include <string>
#include <utility>

#include "support/catch.hpp"

using namespace tcptools;
using namespace tcptools::net;
using namespace std::chrono_literals;

namespace {

constexpr std::chrono::system_clock::time_point some_time{1'000s};

key key_named(std::string name) {
  key one;
  one.name = std::move(name);
  one.value = secret::random();
  return one;
}

}  // namespace

TEST_CASE("a key is found by its name") {
  const key_ring ring{{key_named("bob"), key_named("alice"), key_named("carol")}};
  for (const char* const name : {"alice", "bob", "carol"}) {
    INFO(name);
    const auto found = ring.find(name);
    REQUIRE(found);
    CHECK(found->name == name);
    CHECK(ring.holds(*found, some_time));
  }
  for (const char* const name : {"", "Alice", "alic", "alicee", "zed"}) CHECK(ring.find(name) == nullptr);
  REQUIRE(ring.all().size() == 3);
  CHECK(ring.all()[0]->name == "alice");
  CHECK(ring.all()[2]->name == "carol");
  CHECK(key_ring{{}}.find("alice") == nullptr);
}

TEST_CASE("a key that stays is the object that it was, whatever else changes") {
  const key alice = key_named("alice");
  const key bob = key_named("bob");
  key_ring ring{{alice, bob}};
  const auto alice_before = ring.find("alice");
  const auto bob_before = ring.find("bob");

  ring.replace({key_named("aaron"), alice});
  CHECK(ring.find("alice") == alice_before);
  CHECK(ring.holds(*alice_before, some_time));
  CHECK_FALSE(ring.find("bob"));
  CHECK_FALSE(ring.holds(*bob_before, some_time));

  ring.replace({alice, bob});
  CHECK(ring.holds(*alice_before, some_time));
  CHECK_FALSE(ring.holds(*bob_before, some_time));
  CHECK(ring.holds(*ring.find("bob"), some_time));

  ring.replace({});
  CHECK_FALSE(ring.holds(*alice_before, some_time));
}

TEST_CASE("a key that changed in anything is another one") {
  const key alice = key_named("alice");
  const auto survives = [&](const key& changed) {
    key_ring ring{{alice}};
    const auto before = ring.find("alice");
    ring.replace({changed});
    return ring.holds(*before, some_time);
  };
  CHECK(survives(alice));

  key changed = alice;
  changed.value = secret::random();
  CHECK_FALSE(survives(changed));
  changed = alice;
  changed.from.push_back(cidr::parse("10.0.0.0/8").value());
  CHECK_FALSE(survives(changed));
  changed = alice;
  changed.expires = std::chrono::time_point_cast<std::chrono::seconds>(some_time) + 1h;
  CHECK_FALSE(survives(changed));
  changed = alice;
  changed.rights.push_back({"admin", ""});
  CHECK_FALSE(survives(changed));
}

TEST_CASE("a ring does not hold what has expired") {
  key alice = key_named("alice");
  alice.expires = std::chrono::time_point_cast<std::chrono::seconds>(some_time);
  const key_ring ring{{alice}};
  const auto found = ring.find("alice");
  REQUIRE(found);
  CHECK(ring.holds(*found, some_time - 1ns));
  CHECK_FALSE(ring.holds(*found, some_time));
  CHECK_FALSE(ring.holds(alice, some_time - 1s));
}

TEST_CASE("a ring still admits those whose key it holds, and those who have none") {
  key_ring ring{{key_named("alice"), key_named("bob")}};
  const peer_identity alice{"alice", ring.find("alice")};
  const peer_identity by_certificate{"alice", nullptr};
  CHECK(ring.still_admits(&alice, some_time));
  ring.replace({key_named("bob")});
  CHECK_FALSE(ring.still_admits(&alice, some_time));
  CHECK(ring.still_admits(&by_certificate, some_time));
  CHECK(ring.still_admits(nullptr, some_time));
}
