#include "tcptools/net/cidr.hpp"

#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"

using namespace tcptools;
using namespace tcptools::net;

namespace {

bool block_holds(const char* block, const char* address) {
  return cidr::parse(block).value().contains(asio::ip::make_address(address));
}

access_list list_of(std::vector<const char*> allow, std::vector<const char*> deny) {
  access_list list;
  for (const char* one : allow) list.allow.push_back(cidr::parse(one).value());
  for (const char* one : deny) list.deny.push_back(cidr::parse(one).value());
  return list;
}

}  // namespace

TEST_CASE("a block of addresses is read and shown") {
  const std::vector<std::pair<std::string, std::string>> samples{
      {"10.0.0.0/8", "10.0.0.0/8"},
      {"0.0.0.0/0", "0.0.0.0/0"},
      {"192.0.2.1", "192.0.2.1"},
      {"192.0.2.1/32", "192.0.2.1"},
      {"192.0.2.254/31", "192.0.2.254/31"},
      {"::1", "::1"},
      {"::/0", "::/0"},
      {"fe80::/10", "fe80::/10"},
      {"2001:DB8::/33", "2001:db8::/33"},
      {"::ffff:10.0.0.0/104", "10.0.0.0/8"},
      {"::ffff:0:0/96", "0.0.0.0/0"},
      {"::ffff:10.1.2.3", "10.1.2.3"},
  };
  for (const auto& [text, shown] : samples) {
    INFO(text);
    const auto block = cidr::parse(text);
    REQUIRE(block);
    CHECK(block->text() == shown);
    CHECK(cidr::parse(shown).value() == *block);
  }
}

TEST_CASE("what is no block of addresses is refused with a reason") {
  const std::string what = "is not a block of addresses such as 10.0.0.0/8, 192.0.2.1 or fe80::/10";
  const std::vector<std::pair<std::string, std::string>> samples{
      {"", "'' " + what},
      {"/8", "'/8' " + what},
      {"10.0.0/8", "'10.0.0/8' " + what},
      {"10", "'10' " + what},
      {"host.example", "'host.example' " + what},
      {" 10.0.0.0/8", "' 10.0.0.0/8' " + what},
      {std::string{"10.0.0.1\0", 9}, "'10.0.0.1\\x00' " + what},
      {"[::1]", "'[::1]' " + what},
      {"fe80::1%eth0", "'fe80::1%eth0' names an interface, which a block of addresses cannot"},
      {"fe80::%1/64", "'fe80::%1/64' names an interface, which a block of addresses cannot"},
      {"10.0.0.0/", "'10.0.0.0/' has no length from 0 to 32 behind its slash"},
      {"10.0.0.0/33", "'10.0.0.0/33' has no length from 0 to 32 behind its slash"},
      {"10.0.0.0/08", "'10.0.0.0/08' has no length from 0 to 32 behind its slash"},
      {"10.0.0.0/+8", "'10.0.0.0/+8' has no length from 0 to 32 behind its slash"},
      {"10.0.0.0/-1", "'10.0.0.0/-1' has no length from 0 to 32 behind its slash"},
      {"10.0.0.0/8/8", "'10.0.0.0/8/8' has no length from 0 to 32 behind its slash"},
      {"10.0.0.0/255.0.0.0", "'10.0.0.0/255.0.0.0' has no length from 0 to 32 behind its slash"},
      {"::/129", "'::/129' has no length from 0 to 128 behind its slash"},
      {"::/4294967297", "'::/4294967297' has no length from 0 to 128 behind its slash"},
      {"10.0.0.5/8", "'10.0.0.5/8' has bits set beyond /8; did you mean 10.0.0.0/8"},
      {"10.0.0.1/0", "'10.0.0.1/0' has bits set beyond /0; did you mean 0.0.0.0/0"},
      {"10.0.0.1/31", "'10.0.0.1/31' has bits set beyond /31; did you mean 10.0.0.0/31"},
      {"2001:db8::1/64", "'2001:db8::1/64' has bits set beyond /64; did you mean 2001:db8::/64"},
      {"::ffff:10.0.0.1/104", "'::ffff:10.0.0.1/104' has bits set beyond /104; did you mean 10.0.0.0/8"},
      {"::ffff:0:0/90", "'::ffff:0:0/90' has bits set beyond /90; did you mean ::ffc0:0:0/90"},
  };
  for (const auto& [text, reason] : samples) {
    INFO(text);
    const auto block = cidr::parse(text);
    REQUIRE_FALSE(block);
    CHECK(block.error().code() == errc::usage);
    CHECK(block.error().text() == reason);
  }
}

TEST_CASE("a block holds the addresses that begin as it does") {
  CHECK(block_holds("10.0.0.0/8", "10.255.255.255"));
  CHECK_FALSE(block_holds("10.0.0.0/8", "11.0.0.0"));
  CHECK_FALSE(block_holds("10.0.0.0/8", "9.255.255.255"));
  CHECK(block_holds("192.0.2.128/25", "192.0.2.129"));
  CHECK_FALSE(block_holds("192.0.2.128/25", "192.0.2.127"));
  CHECK(block_holds("192.0.2.1", "192.0.2.1"));
  CHECK_FALSE(block_holds("192.0.2.1", "192.0.2.2"));
  CHECK(block_holds("0.0.0.0/0", "255.255.255.255"));
  CHECK(block_holds("2001:db8::/33", "2001:db8:7fff::1"));
  CHECK_FALSE(block_holds("2001:db8::/33", "2001:db8:8000::1"));
  CHECK(block_holds("fe80::/10", "fe80::1%7"));
  CHECK(block_holds("::1", "::1"));
}

TEST_CASE("an IPv4 address is one in IPv6 form, too, and no IPv6 address") {
  CHECK(block_holds("10.0.0.0/8", "::ffff:10.1.2.3"));
  CHECK(block_holds("::ffff:10.0.0.0/104", "10.1.2.3"));
  CHECK_FALSE(block_holds("::/0", "10.1.2.3"));
  CHECK_FALSE(block_holds("::/0", "::ffff:10.1.2.3"));
  CHECK_FALSE(block_holds("0.0.0.0/0", "::1"));
  CHECK(block_holds("::/0", "::1"));
}

TEST_CASE("who is denied is out, and who is not allowed where somebody is") {
  const auto permits = [](const access_list& list, const char* address) {
    return list.permits(asio::ip::make_address(address));
  };
  CHECK(permits({}, "192.0.2.1"));
  CHECK(permits({}, "::1"));

  const access_list only = list_of({"10.0.0.0/8", "::1"}, {});
  CHECK(permits(only, "10.1.1.1"));
  CHECK(permits(only, "::ffff:10.1.1.1"));
  CHECK(permits(only, "::1"));
  CHECK_FALSE(permits(only, "11.1.1.1"));
  CHECK_FALSE(permits(only, "::2"));

  const access_list not_these = list_of({}, {"10.0.0.0/8"});
  CHECK_FALSE(permits(not_these, "10.1.1.1"));
  CHECK(permits(not_these, "::2"));

  const access_list both = list_of({"10.0.0.0/8"}, {"10.1.0.0/16"});
  CHECK(permits(both, "10.2.1.1"));
  CHECK_FALSE(permits(both, "10.1.1.1"));
  CHECK_FALSE(permits(both, "192.0.2.1"));
}
