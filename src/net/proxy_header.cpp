#include "tcptools/net/proxy_header.hpp"

#include <algorithm>
#include <charconv>
#include <string>
#include <system_error>
#include <utility>

namespace tcptools::net {
namespace {

constexpr std::string_view line_start = "PROXY ";
constexpr std::string_view binary_start{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::size_t binary_fixed = 16;  // before what belongs to the family

constexpr std::uint8_t version_2_local = 0x20;
constexpr std::uint8_t version_2_proxy = 0x21;
constexpr std::uint8_t unspecified = 0x00;
constexpr std::uint8_t tcp_over_v4 = 0x11;
constexpr std::uint8_t tcp_over_v6 = 0x21;
constexpr std::uint8_t stream_over_unix = 0x31;

error no_header(std::string_view why) {
  return error{errc::protocol_violation, "the PROXY header " + std::string{why}};
}

// What both have in common is the same.
bool agree(std::string_view a, std::string_view b) {
  const std::size_t common = std::min(a.size(), b.size());
  return a.substr(0, common) == b.substr(0, common);
}

std::string_view take_field(std::string_view& line) {
  const std::size_t space = std::min(line.find(' '), line.size());
  const std::string_view field = line.substr(0, space);
  line.remove_prefix(std::min(space + 1, line.size()));
  return field;
}

std::optional<asio::ip::address> read_address(std::string_view text, bool is_v6) {
  // Neither a zone nor what a NUL hides.
  if (text.find_first_not_of("0123456789abcdefABCDEF.:") != std::string_view::npos) return std::nullopt;
  std::error_code failure;
  asio::ip::address address = asio::ip::make_address(std::string{text}, failure);
  if (failure || address.is_v6() != is_v6) return std::nullopt;
  return address;
}

std::optional<std::uint16_t> read_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  return port;
}

template <class Address>
Address take_address(byte_reader& from) {
  typename Address::bytes_type bytes{};
  std::ranges::transform(from.bytes(bytes.size()), bytes.begin(), std::to_integer<unsigned char>);
  return Address{bytes};
}

// Source address, destination address, source port.
template <class Address>
std::optional<proxied_peer> take_peer(byte_reader& from) {
  const auto address = take_address<Address>(from);
  (void)take_address<Address>(from);
  const std::uint16_t port = from.u16();
  (void)from.u16();
  if (!from.ok()) return std::nullopt;
  return proxied_peer{address, port};
}

}  // namespace

result<void> proxy_header_decoder::feed(byte_view bytes) {
  std::ranges::copy(bytes, bytes_.begin() + static_cast<std::ptrdiff_t>(size_));
  size_ += bytes.size();
  wanted_ -= bytes.size();
  const std::string_view text = as_text(held());
  if (agree(text, line_start)) return feed_line();
  if (agree(text, binary_start)) return feed_binary();
  return no_header("is missing");
}

result<void> proxy_header_decoder::feed_line() {
  if (wanted_ > 0) return {};
  const std::string_view text = as_text(held());
  const bool has_return = text.ends_with('\r');
  if (!has_return && !text.ends_with("\r\n")) {
    // Two more are still to come, or one.
    if (text.find_first_of("\r\n") != std::string_view::npos) return no_header("has a line end within");
    if (size_ + 2 > longest_line) return no_header("is too long");
    wanted_ = 2;
    return {};
  }
  if (has_return) {
    if (size_ + 1 > longest_line) return no_header("is too long");
    wanted_ = 1;
    return {};
  }
  return read_line(text.substr(0, text.size() - 2));
}

result<void> proxy_header_decoder::read_line(std::string_view line) {
  if (line.find_first_of("\r\n") != std::string_view::npos) return no_header("has a line end within");
  (void)take_field(line);
  const std::string_view family = take_field(line);
  if (family == "UNKNOWN") return {};
  if (family != "TCP4" && family != "TCP6") return no_header("names an unknown family");
  const bool is_v6 = family == "TCP6";
  const auto source = read_address(take_field(line), is_v6);
  const auto destination = read_address(take_field(line), is_v6);
  const auto source_port = read_port(take_field(line));
  // The last field takes what is left, a superfluous one included.
  const auto destination_port = read_port(line);
  if (!source || !destination) return no_header("has an address that is none");
  if (!source_port || !destination_port) return no_header("has a port that is none");
  peer_ = proxied_peer{*source, *source_port};
  return {};
}

result<void> proxy_header_decoder::feed_binary() {
  if (wanted_ > 0) return {};
  if (size_ < binary_fixed) {
    wanted_ = binary_fixed - size_;
    return {};
  }
  byte_reader length{held().subspan(binary_fixed - 2)};
  const std::size_t whole = binary_fixed + length.u16();
  if (whole > longest) return no_header("is too long");
  wanted_ = whole - size_;
  return wanted_ == 0 ? read_binary() : result<void>{};
}

result<void> proxy_header_decoder::read_binary() {
  byte_reader reader{held().subspan(binary_start.size())};
  const std::uint8_t command = reader.u8();
  const std::uint8_t family = reader.u8();
  (void)reader.u16();
  if (command == version_2_local) return {};
  if (command != version_2_proxy) return no_header("has an unknown version or command");
  switch (family) {
    case unspecified:
    case stream_over_unix:
      return {};
    case tcp_over_v4:
      peer_ = take_peer<asio::ip::address_v4>(reader);
      break;
    case tcp_over_v6:
      peer_ = take_peer<asio::ip::address_v6>(reader);
      break;
    default:
      return no_header("names an unknown family");
  }
  if (!peer_) return no_header("is too short for its addresses");
  return {};
}

}  // namespace tcptools::net
