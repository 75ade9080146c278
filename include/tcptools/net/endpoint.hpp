// Addresses as people write and read them.
#pragma once

#include <asio/ip/tcp.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tcptools/base/result.hpp"

namespace tcptools::net {

struct host_port {
  std::string host;  // a name or a literal, without brackets
  std::optional<std::uint16_t> port;

  friend bool operator==(const host_port&, const host_port&) = default;
};

// "host", "host:1122", "127.0.0.1:1122", "::1", "[::1]", "[::1]:1122". Fails with errc::usage;
// whether a name exists is not asked.
[[nodiscard]] result<host_port> parse_host_port(std::string_view text);

// 0 to 65535. Fails with errc::usage.
[[nodiscard]] result<std::uint16_t> parse_port(std::string_view text);

// The addresses to listen on that "127.0.0.1", "::1", "localhost" (both loopback addresses) or "*" (everything, both
// families) mean. Fails with errc::usage: names of other hosts are not looked up.
[[nodiscard]] result<std::vector<asio::ip::address>> parse_bind_address(std::string_view text);

// "127.0.0.1:1122", "[::1]:1122". An IPv4 address in IPv6 form is shown as IPv4.
[[nodiscard]] std::string to_text(const asio::ip::tcp::endpoint& endpoint);
[[nodiscard]] std::string to_text(const asio::ip::address& address);

}  // namespace tcptools::net
