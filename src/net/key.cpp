#include "tcptools/net/key.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <stdexcept>

namespace tcptools::net {

secret::~secret() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

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

}  // namespace tcptools::net
