// Addresses as they are meant.
#pragma once

#include <asio/ip/address.hpp>

namespace tcptools::net {

// An IPv4 address in IPv6 form as IPv4; every other as it is.
[[nodiscard]] asio::ip::address unmapped(const asio::ip::address& address);

// Whoever may be one and the same: an IPv4 address, or the /64 of an IPv6 one, which is what one customer has.
[[nodiscard]] asio::ip::address origin_of(const asio::ip::address& address);

}  // namespace tcptools::net
