#include "tcptools/net/key.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <stdexcept>

#include "tcptools/net/secret_bytes.hpp"

namespace tcptools::net {

secret::~secret() { wipe(bytes_.data(), bytes_.size()); }

secret secret::random() {
  secret fresh;
  auto* const octets = reinterpret_cast<unsigned char*>(fresh.bytes_.data());
  if (RAND_priv_bytes(octets, static_cast<int>(size)) != 1)
    throw std::runtime_error{"the system has no random numbers"};
  return fresh;
}

bool operator==(const secret& a, const secret& b) noexcept {
  return CRYPTO_memcmp(a.bytes_.data(), b.bytes_.data(), secret::size) == 0;
}

bool is_key_name(std::string_view name) noexcept {
  constexpr std::size_t longest = 64;
  const auto is_allowed = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-' || c == '@';
  };
  return !name.empty() && name.size() <= longest && std::ranges::all_of(name, is_allowed);
}

}  // namespace tcptools::net
