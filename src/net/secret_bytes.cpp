#include "tcptools/net/secret_bytes.hpp"

#include <openssl/crypto.h>

namespace tcptools::net {

void wipe(void* bytes, std::size_t size) noexcept { OPENSSL_cleanse(bytes, size); }

}  // namespace tcptools::net
