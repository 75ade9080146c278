#include "tcptools/net/cidr.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <optional>
#include <system_error>

#include "tcptools/base/text.hpp"
#include "tcptools/net/address.hpp"

namespace tcptools::net {
namespace {

constexpr unsigned mapped_prefix = 96;  // ::ffff:0:0/96

error no_block(std::string_view text, std::string_view why) {
  return error{errc::usage, in_quotes(text) + " " + std::string{why}};
}

std::optional<unsigned> parse_length(std::string_view text, unsigned longest) {
  unsigned length = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (failure != std::errc{} || end != text.data() + text.size() || length > longest) return std::nullopt;
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  return length;
}

// The bytes with everything beyond the first `length` bits cleared.
template <class Bytes>
Bytes cut_bits(Bytes bytes, unsigned length) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const unsigned before = static_cast<unsigned>(i) * 8;
    const unsigned kept = std::clamp(length, before, before + 8) - before;
    bytes[i] = static_cast<unsigned char>(bytes[i] & (0xFF00U >> kept));
  }
  return bytes;
}

asio::ip::address first_of_block(const asio::ip::address& address, unsigned length) {
  if (address.is_v4()) return asio::ip::address_v4{cut_bits(address.to_v4().to_bytes(), length)};
  return asio::ip::address_v6{cut_bits(address.to_v6().to_bytes(), length)};
}

unsigned whole_length(const asio::ip::address& address) { return address.is_v4() ? 32 : 128; }

}  // namespace

result<cidr> cidr::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view before = text.substr(0, slash);
  if (before.find('%') != std::string_view::npos) {
    return no_block(text, "names an interface, which a block of addresses cannot");
  }
  // What follows a NUL would be overlooked.
  const bool is_clean = before.find_first_not_of("0123456789abcdefABCDEF.:") == std::string_view::npos;
  std::error_code failure;
  asio::ip::address address = asio::ip::make_address(std::string{before}, failure);
  if (failure || !is_clean) {
    return no_block(text, "is not a block of addresses such as 10.0.0.0/8, 192.0.2.1 or fe80::/10");
  }
  unsigned length = whole_length(address);
  if (slash != std::string_view::npos) {
    const std::optional<unsigned> given = parse_length(text.substr(slash + 1), length);
    if (!given) return no_block(text, "has no length from 0 to " + std::to_string(length) + " behind its slash");
    length = *given;
  }
  if (address.is_v6() && address.to_v6().is_v4_mapped() && length >= mapped_prefix) {
    address = unmapped(address);
    length -= mapped_prefix;
  }
  const cidr block{first_of_block(address, length), length};
  if (block.address_ != address) {
    return no_block(text,
                    "has bits set beyond /" + std::string{text.substr(slash + 1)} + "; did you mean " + block.text());
  }
  return block;
}

bool cidr::contains(const asio::ip::address& address) const {
  const asio::ip::address meant = unmapped(address);
  return meant.is_v4() == address_.is_v4() && first_of_block(meant, length_) == address_;
}

std::string cidr::text() const {
  const std::string address = address_.to_string();
  return length_ == whole_length(address_) ? address : address + "/" + std::to_string(length_);
}

bool access_list::permits(const asio::ip::address& address) const {
  const auto holds_it = [&](const cidr& block) { return block.contains(address); };
  if (std::ranges::any_of(deny, holds_it)) return false;
  return allow.empty() || std::ranges::any_of(allow, holds_it);
}

}  // namespace tcptools::net
