#include "tcptools/net/secret_bytes.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <stdexcept>

namespace tcptools::net {

void fill_with_random(std::span<std::byte> bytes) {
  auto* const octets = reinterpret_cast<unsigned char*>(bytes.data());
  if (RAND_priv_bytes(octets, static_cast<int>(bytes.size())) != 1)
    throw std::runtime_error{"the system has no random numbers"};
}

bool is_same_secret(byte_view a, byte_view b) noexcept { return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0; }

void wipe(void* bytes, std::size_t size) noexcept { OPENSSL_cleanse(bytes, size); }

}  // namespace tcptools::net
