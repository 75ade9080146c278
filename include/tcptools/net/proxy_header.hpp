// What a proxy says first about whom it speaks for: the PROXY protocol, versions 1 and 2
// (https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt).
#pragma once

#include <array>
#include <asio/ip/address.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "tcptools/base/bytes.hpp"
#include "tcptools/base/result.hpp"

namespace tcptools::net {

struct proxied_peer {
  asio::ip::address address;
  std::uint16_t port = 0;

  friend bool operator==(const proxied_peer&, const proxied_peer&) = default;
};

// Asks for so few bytes at a time that none beyond the header is read:
//
//   while (const std::size_t count = decoder.wanted()) { read at most `count`; feed them; }
class proxy_header_decoder {
 public:
  // The specification's least that every receiver can take, and version 1's most.
  static constexpr std::size_t longest = 536;
  static constexpr std::size_t longest_line = 107;

  // How many bytes may be read now; 0 where the header is complete.
  [[nodiscard]] std::size_t wanted() const noexcept { return wanted_; }

  // In order, in pieces of any size. Precondition: bytes.size() <= wanted(). Fails with errc::protocol_violation as
  // soon as it is no header; then no more may be fed.
  [[nodiscard]] result<void> feed(byte_view bytes);

  // Who the proxy speaks for; none where it speaks for itself or does not know: then the connection's own peer stands.
  // Precondition: wanted() == 0.
  [[nodiscard]] const std::optional<proxied_peer>& peer() const noexcept { return peer_; }

 private:
  [[nodiscard]] byte_view held() const noexcept { return byte_view{bytes_}.first(size_); }
  result<void> feed_line();
  result<void> feed_binary();
  result<void> read_line(std::string_view line);
  result<void> read_binary();

  std::array<std::byte, longest> bytes_{};
  std::size_t size_ = 0;
  std::size_t wanted_ = 12;  // both versions' headers are longer
  std::optional<proxied_peer> peer_;
};

}  // namespace tcptools::net
