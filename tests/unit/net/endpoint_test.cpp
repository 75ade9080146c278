#include "tcptools/net/endpoint.hpp"

#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"

using namespace tcptools;
using namespace tcptools::net;

TEST_CASE("a host stands alone or with a port") {
  const std::vector<std::pair<std::string, host_port>> samples{
      {"example.org", {"example.org", {}}},
      {"example.org:1122", {"example.org", 1122}},
      {"127.0.0.1", {"127.0.0.1", {}}},
      {"127.0.0.1:65535", {"127.0.0.1", 65535}},
      {"a:0", {"a", 0}},
      {"::1", {"::1", {}}},
      {"fe80::1:2", {"fe80::1:2", {}}},
      {"[::1]", {"::1", {}}},
      {"[::1]:1122", {"::1", 1122}},
      {"[::ffff:127.0.0.1]:7", {"::ffff:127.0.0.1", 7}},
  };
  for (const auto& [text, expected] : samples) {
    INFO(text);
    const auto parsed = parse_host_port(text);
    REQUIRE(parsed);
    CHECK(parsed->host == expected.host);
    CHECK(parsed->port == expected.port);
  }
}

TEST_CASE("what is no host is refused with a reason") {
  const std::vector<std::pair<std::string, std::string>> samples{
      {"", "'' is not an address"},
      {":1122", "':1122' has no host"},
      {"host:", "'' is not a port (0 to 65535)"},
      {"host:http", "'http' is not a port (0 to 65535)"},
      {"host:65536", "'65536' is not a port (0 to 65535)"},
      {"[::1", "'[::1' has no closing bracket"},
      {"[]", "'[]' has no host"},
      {"[]:1", "'[]:1' has no host"},
      {"[::1]1122", "'[::1]1122' has something behind its bracket that is not a port"},
      {"[::1]:", "'' is not a port (0 to 65535)"},
      {"[host]:1", "'[host]:1' is neither HOST:PORT nor an IPv6 address"},
      {"http://host:1", "'http://host:1' is neither HOST:PORT nor an IPv6 address"},
      {"a:b:c", "'a:b:c' is neither HOST:PORT nor an IPv6 address"},
      {"host:\x1b[2J", "'\\x1B[2J' is not a port (0 to 65535)"},
  };
  for (const auto& [text, reason] : samples) {
    INFO(text);
    const auto parsed = parse_host_port(text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code() == errc::usage);
    CHECK(parsed.error().text() == reason);
  }
}

TEST_CASE("a port is a number that fits") {
  CHECK(parse_port("0").value() == 0);
  CHECK(parse_port("1122").value() == 1122);
  CHECK(parse_port("65535").value() == 65535);
  for (const char* const wrong : {"", "-1", "+1", " 1", "1 ", "0x10", "1.5", "65536", "99999999999999999999"}) {
    INFO(wrong);
    const auto port = parse_port(wrong);
    REQUIRE_FALSE(port);
    CHECK(port.error().code() == errc::usage);
  }
}

TEST_CASE("addresses to listen on") {
  const auto texts = [](std::string_view bind) {
    const auto parsed = parse_bind_address(bind);
    std::vector<std::string> all;
    for (const asio::ip::address& one : *parsed) all.push_back(to_text(one));
    return all;
  };
  CHECK(texts("127.0.0.1") == std::vector<std::string>{"127.0.0.1"});
  CHECK(texts("::1") == std::vector<std::string>{"::1"});
  CHECK(texts("[::1]") == std::vector<std::string>{"::1"});
  CHECK(texts("0.0.0.0") == std::vector<std::string>{"0.0.0.0"});
  CHECK(texts("localhost") == std::vector<std::string>{"127.0.0.1", "::1"});
  CHECK(texts("*") == std::vector<std::string>{"::", "0.0.0.0"});
  for (const char* const wrong : {"", "example.org", "127.0.0.1:80", "[]", "**"}) {
    INFO(wrong);
    const auto parsed = parse_bind_address(wrong);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code() == errc::usage);
  }
}

TEST_CASE("endpoints as text") {
  const auto text = [](const char* address) {
    return to_text(asio::ip::tcp::endpoint{asio::ip::make_address(address), 1122});
  };
  CHECK(text("127.0.0.1") == "127.0.0.1:1122");
  CHECK(text("::1") == "[::1]:1122");
  CHECK(text("::ffff:10.1.2.3") == "10.1.2.3:1122");
  CHECK(to_text(asio::ip::make_address("::ffff:10.1.2.3")) == "10.1.2.3");
}
