#include "tcptools/net/key.hpp"

#include <algorithm>

#include "tcptools/net/secret_bytes.hpp"

namespace tcptools::net {

secret::~secret() { wipe(bytes_.data(), bytes_.size()); }

secret secret::random() {
  secret fresh;
  fill_with_random(fresh.bytes_);
  return fresh;
}

bool operator==(const secret& a, const secret& b) noexcept { return is_same_secret(a.bytes_, b.bytes_); }

bool is_key_name(std::string_view name) noexcept {
  constexpr std::size_t longest = 64;
  const auto is_allowed = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-' || c == '@';
  };
  return !name.empty() && name.size() <= longest && std::ranges::all_of(name, is_allowed);
}

}  // namespace tcptools::net
