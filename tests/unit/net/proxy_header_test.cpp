#include "tcptools/net/proxy_header.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"

using namespace tcptools;
using namespace tcptools::net;

namespace {

const std::string binary_mark{"\r\n\r\n\0\r\nQUIT\n", 12};

std::string binary_header(unsigned char command, unsigned char family, const std::string& rest) {
  return binary_mark + static_cast<char>(command) + static_cast<char>(family) + static_cast<char>(rest.size() / 256) +
         static_cast<char>(rest.size() % 256) + rest;
}

// Source 192.0.2.1 port 4711, destination 10.0.0.1 port 1122.
const std::string v4_addresses{"\xC0\x00\x02\x01\x0A\x00\x00\x01\x12\x67\x04\x62", 12};
// Source 2001:db8::1, destination ::1, the same ports.
const std::string v6_addresses = std::string{"\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x01", 16} + std::string(15, '\0') +
                                 std::string{"\x01\x12\x67\x04\x62", 5};
const std::string some_field{"\x04\x00\x03noo", 6};

proxied_peer peer_of(const char* address) { return {asio::ip::make_address(address), 4711}; }

struct decoded_header {
  std::optional<proxied_peer> peer;
  std::size_t taken = 0;
};

// Reads as a socket gives it: never more than `piece` bytes at once.
result<decoded_header> decode_header(std::string_view stream, std::size_t piece = 1'000) {
  proxy_header_decoder decoder;
  std::size_t taken = 0;
  while (decoder.wanted() > 0) {
    const std::size_t count = std::min({decoder.wanted(), piece, stream.size() - taken});
    if (count == 0) return error{errc::end_of_stream};
    if (const result<void> fed = decoder.feed(as_bytes(stream.substr(taken, count))); !fed) return fed.error();
    taken += count;
  }
  return decoded_header{decoder.peer(), taken};
}

const std::vector<std::pair<std::string, std::optional<proxied_peer>>>& good_headers() {
  static const std::vector<std::pair<std::string, std::optional<proxied_peer>>> headers{
      {"PROXY TCP4 192.0.2.1 10.0.0.1 4711 1122\r\n", peer_of("192.0.2.1")},
      {"PROXY TCP6 2001:db8::1 ::1 4711 1122\r\n", peer_of("2001:db8::1")},
      {"PROXY TCP4 1.1.1.1 2.2.2.2 0 65535\r\n", proxied_peer{asio::ip::make_address("1.1.1.1"), 0}},
      {"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
       proxied_peer{asio::ip::make_address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), 65535}},
      {"PROXY UNKNOWN\r\n", std::nullopt},
      {"PROXY UNKNOWN ffff::1 what ever 1 2 3\r\n", std::nullopt},
      {binary_header(0x20, 0x00, ""), std::nullopt},
      {binary_header(0x20, 0x11, v4_addresses), std::nullopt},
      {binary_header(0x21, 0x00, ""), std::nullopt},
      {binary_header(0x21, 0x00, some_field), std::nullopt},
      {binary_header(0x21, 0x11, v4_addresses), peer_of("192.0.2.1")},
      {binary_header(0x21, 0x11, v4_addresses + some_field), peer_of("192.0.2.1")},
      {binary_header(0x21, 0x21, v6_addresses), peer_of("2001:db8::1")},
      {binary_header(0x21, 0x21, v6_addresses + std::string(536 - 16 - 36, 'x')), peer_of("2001:db8::1")},
      {binary_header(0x21, 0x31, std::string(216, 'x')), std::nullopt},
  };
  return headers;
}

}  // namespace

TEST_CASE("a PROXY header is read however it comes, and nothing that follows it") {
  for (const auto& [header, peer] : good_headers()) {
    for (std::size_t piece = 1; piece <= header.size(); ++piece) {
      INFO(header << " in pieces of " << piece);
      const auto decoded = decode_header(header + "\r\n\x16 and what follows", piece);
      REQUIRE(decoded);
      CHECK(decoded->taken == header.size());
      CHECK(decoded->peer == peer);
    }
  }
}

TEST_CASE("a PROXY header in two pieces, split anywhere") {
  for (const auto& [header, peer] : good_headers()) {
    for (std::size_t split = 1; split < header.size(); ++split) {
      proxy_header_decoder decoder;
      std::string_view rest = header;
      for (std::size_t end : {split, header.size()}) {
        const std::size_t begin = header.size() - rest.size();
        for (std::size_t left = end - begin; left > 0;) {
          const std::size_t count = std::min(decoder.wanted(), left);
          REQUIRE(count > 0);
          REQUIRE(decoder.feed(as_bytes(rest.substr(0, count))));
          rest.remove_prefix(count);
          left -= count;
        }
      }
      CHECK(decoder.wanted() == 0);
      CHECK(decoder.peer() == peer);
    }
  }
}

TEST_CASE("a PROXY header that ends early is not complete") {
  for (const auto& [header, peer] : good_headers()) {
    for (std::size_t size = 0; size < header.size(); ++size) {
      const auto decoded = decode_header(std::string_view{header}.substr(0, size));
      REQUIRE_FALSE(decoded);
      CHECK(decoded.error().code() == errc::end_of_stream);
    }
  }
}

TEST_CASE("a damaged PROXY header says something else or is refused, but is never read beyond its bounds") {
  for (const auto& [header, peer] : good_headers()) {
    for (std::size_t at = 0; at < header.size(); ++at) {
      for (unsigned value = 0; value < 256; ++value) {
        std::string damaged = header;
        damaged[at] = static_cast<char>(value);
        const auto decoded = decode_header(damaged);
        if (decoded) {
          if (decoded->taken > damaged.size()) FAIL("more than there was");
          continue;
        }
        const errc why = decoded.error().code();
        if (why != errc::protocol_violation && why != errc::end_of_stream) FAIL("wrong error");
        if (at < 5 && damaged != header && why != errc::protocol_violation) FAIL("a wrong start was not seen");
      }
    }
  }
}

TEST_CASE("what is no PROXY header is refused with a reason") {
  const std::string missing = "the PROXY header is missing";
  const std::string family = "the PROXY header names an unknown family";
  const std::string address = "the PROXY header has an address that is none";
  const std::string port = "the PROXY header has a port that is none";
  const std::string too_long = "the PROXY header is too long";
  const std::string line_end = "the PROXY header has a line end within";
  const std::vector<std::pair<std::string, std::string>> samples{
      {"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03\x00", missing},
      {"GET / HTTP/1.1\r\n", missing},
      {"P", ""},
      {"PROXi", missing},
      {"proxy TCP4", missing},
      {"\r\n\r\n\r\n\r\n\r\n\r\n", missing},
      {"PROXY TCP5 192.0.2.1 10.0.0.1 4711 1122\r\n", family},
      {"PROXY  TCP4 192.0.2.1 10.0.0.1 4711 1122\r\n", family},
      {"PROXY UNKNOWNS\r\n", family},
      {"PROXY TCP4 2001:db8::1 ::1 4711 1122\r\n", address},
      {"PROXY TCP6 192.0.2.1 10.0.0.1 4711 1122\r\n", address},
      {"PROXY TCP4 192.0.2.1 10.0.0.256 4711 1122\r\n", address},
      {"PROXY TCP4  192.0.2.1 10.0.0.1 4711 1122\r\n", address},
      {"PROXY TCP4 192.0.2.1\r\n", address},
      {"PROXY TCP6 fe80::1%1 ::1 4711 1122\r\n", address},
      {"PROXY TCP4 192.0.2.1 10.0.0.1 4711\r\n", port},
      {"PROXY TCP4 192.0.2.1 10.0.0.1 4711 65536\r\n", port},
      {"PROXY TCP4 192.0.2.1 10.0.0.1 04711 1122\r\n", port},
      {"PROXY TCP4 192.0.2.1 10.0.0.1 -1 1122\r\n", port},
      {"PROXY TCP4 192.0.2.1 10.0.0.1 4711 1122 \r\n", port},
      {"PROXY TCP4 192.0.2.1 10.0.0.1 4711 1122 1\r\n", port},
      {"PROXY TCP4 192.0.2.1 10.0.0.1 4711 1122\n\r\n", line_end},
      {"PROXY TCP4 192.0.2.1 10.0.0.1 4711 1122\rx\r\n", line_end},
      {"PROXY UNKNOWN\n12345", line_end},
      {"PROXY UNKNOWN " + std::string(200, 'x'), too_long},
      {"PROXY UNKNOWN " + std::string(92, 'x') + "\r\n", too_long},  // 108 bytes
      {binary_header(0x11, 0x11, v4_addresses), "the PROXY header has an unknown version or command"},
      {binary_header(0x22, 0x11, v4_addresses), "the PROXY header has an unknown version or command"},
      {binary_header(0x21, 0x12, v4_addresses), family},
      {binary_header(0x21, 0x41, v4_addresses), family},
      {binary_header(0x21, 0x11, v4_addresses.substr(1)), "the PROXY header is too short for its addresses"},
      {binary_header(0x21, 0x21, v4_addresses), "the PROXY header is too short for its addresses"},
      {binary_header(0x21, 0x11, std::string(521, 'x')), too_long},
      {binary_header(0x20, 0x00, std::string(65535, 'x')).substr(0, 16), too_long},
  };
  for (const auto& [stream, reason] : samples) {
    INFO(stream);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{1'000}}) {
      const auto decoded = decode_header(stream, piece);
      REQUIRE_FALSE(decoded);
      if (reason.empty()) continue;
      CHECK(decoded.error().code() == errc::protocol_violation);
      CHECK(decoded.error().text() == reason);
    }
  }
  const std::string longest_line = "PROXY UNKNOWN " + std::string(91, 'x') + "\r\n";
  CHECK(longest_line.size() == proxy_header_decoder::longest_line);
  CHECK(decode_header(longest_line));
}
