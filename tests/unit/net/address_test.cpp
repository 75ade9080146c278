#include "tcptools/net/address.hpp"

#include <string>

#include "support/catch.hpp"

using tcptools::net::origin_of;
using tcptools::net::unmapped;

namespace {

asio::ip::address literal(const std::string& text) { return asio::ip::make_address(text); }

}  // namespace

TEST_CASE("an IPv4 address in IPv6 form is meant as IPv4") {
  CHECK(unmapped(literal("::ffff:192.0.2.7")) == literal("192.0.2.7"));
  CHECK(unmapped(literal("192.0.2.7")) == literal("192.0.2.7"));
  CHECK(unmapped(literal("::192.0.2.7")) == literal("::192.0.2.7"));
  CHECK(unmapped(literal("fe80::1%1")) == literal("fe80::1%1"));
}

TEST_CASE("an origin is an IPv4 address or a /64") {
  CHECK(origin_of(literal("192.0.2.7")) == literal("192.0.2.7"));
  CHECK(origin_of(literal("::ffff:192.0.2.7")) == literal("192.0.2.7"));
  CHECK(origin_of(literal("2001:db8:1:2:3:4:5:6")) == literal("2001:db8:1:2::"));
  CHECK(origin_of(literal("2001:db8:1:2:ffff::")) == literal("2001:db8:1:2::"));
  CHECK(origin_of(literal("2001:db8:1:3::1")) != origin_of(literal("2001:db8:1:2::1")));
  CHECK(origin_of(literal("fe80::1%1")) == literal("fe80::"));
}
