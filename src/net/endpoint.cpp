#include "tcptools/net/endpoint.hpp"

#include <charconv>
#include <system_error>

#include "tcptools/base/text.hpp"
#include "tcptools/net/address.hpp"

namespace tcptools::net {
namespace {

error usage(std::string_view text, std::string_view what) {
  return error{errc::usage, in_quotes(text) + " " + std::string{what}};
}

}  // namespace

result<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (failure != std::errc{} || end != text.data() + text.size()) return usage(text, "is not a port (0 to 65535)");
  return port;
}

result<host_port> parse_host_port(std::string_view text) {
  if (text.empty()) return usage(text, "is not an address");
  std::string_view host = text;
  std::optional<std::string_view> port;
  const bool is_bracketed = text.front() == '[';
  const std::size_t colon = text.find(':');
  const bool is_v6 = is_bracketed || (colon != std::string_view::npos && text.rfind(':') != colon);
  if (is_bracketed) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return usage(text, "has no closing bracket");
    host = text.substr(1, close - 1);
    const std::string_view rest = text.substr(close + 1);
    if (!rest.empty() && rest.front() != ':') {
      return usage(text, "has something behind its bracket that is not a port");
    }
    if (!rest.empty()) port = rest.substr(1);
  } else if (!is_v6 && colon != std::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
  }
  if (host.empty()) return usage(text, "has no host");
  host_port parsed{std::string{host}, {}};
  if (is_v6) {
    std::error_code failure;
    (void)asio::ip::make_address_v6(parsed.host, failure);
    if (failure) return usage(text, "is neither HOST:PORT nor an IPv6 address");
  }
  if (!port) return parsed;
  const result<std::uint16_t> number = parse_port(*port);
  if (!number) return number.error();
  parsed.port = *number;
  return parsed;
}

result<std::vector<asio::ip::address>> parse_bind_address(std::string_view text) {
  using asio::ip::address;
  if (text == "*") return std::vector<address>{asio::ip::address_v6::any(), asio::ip::address_v4::any()};
  if (text == "localhost")
    return std::vector<address>{asio::ip::address_v4::loopback(), asio::ip::address_v6::loopback()};
  if (text.size() > 2 && text.front() == '[' && text.back() == ']') text = text.substr(1, text.size() - 2);
  std::error_code failure;
  const address parsed = asio::ip::make_address(std::string{text}, failure);
  if (failure)
    return usage(text, "is not an address to listen on; use an IPv4 or IPv6 address, localhost, or * for all");
  return std::vector<address>{parsed};
}

std::string to_text(const asio::ip::address& address) { return unmapped(address).to_string(); }

std::string to_text(const asio::ip::tcp::endpoint& endpoint) {
  const asio::ip::address address = unmapped(endpoint.address());
  const std::string host = address.is_v6() ? "[" + address.to_string() + "]" : address.to_string();
  return host + ":" + std::to_string(endpoint.port());
}

}  // namespace tcptools::net
