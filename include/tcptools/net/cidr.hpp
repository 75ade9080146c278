// Blocks of addresses, and who may come in by address.
#pragma once

#include <asio/ip/address.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tcptools/base/result.hpp"

namespace tcptools::net {

// A block of addresses (RFC 4632). An IPv4 address in IPv6 form counts as IPv4.
class cidr {
 public:
  // "10.0.0.0/8", "::1", "fe80::/10"; an address alone is a block of one. Fails with errc::usage, also if bits are set
  // that the length leaves out.
  [[nodiscard]] static result<cidr> parse(std::string_view text);

  [[nodiscard]] bool contains(const asio::ip::address& address) const;
  [[nodiscard]] std::string text() const;

  friend bool operator==(const cidr&, const cidr&) = default;

 private:
  cidr(asio::ip::address address, unsigned length) : address_{std::move(address)}, length_{length} {}

  asio::ip::address address_;
  unsigned length_ = 0;
};

// What is denied is out; where anything is allowed, everything else is out, too.
struct access_list {
  std::vector<cidr> allow;
  std::vector<cidr> deny;

  [[nodiscard]] bool permits(const asio::ip::address& address) const;

  friend bool operator==(const access_list&, const access_list&) = default;
};

}  // namespace tcptools::net
