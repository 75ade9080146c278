#include "tcptools/net/address.hpp"

#include <algorithm>
#include <cstdint>

namespace tcptools::net {

asio::ip::address unmapped(const asio::ip::address& address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
}

asio::ip::address origin_of(const asio::ip::address& address) {
  asio::ip::address meant = unmapped(address);
  if (meant.is_v4()) return meant;
  asio::ip::address_v6::bytes_type bytes = meant.to_v6().to_bytes();
  std::fill(bytes.begin() + bytes.size() / 2, bytes.end(), std::uint8_t{0});
  return asio::ip::address_v6{bytes};
}

}  // namespace tcptools::net
