// What a handshake finds out about its peer: written by the callbacks of a context, read by whoever explains the
// outcome. It hangs on the SSL object (SSL_get_app_data) for as long as the handshake takes.
#pragma once

#include <asio/ip/address.hpp>
#include <memory>
#include <string>

#include "tcptools/net/key.hpp"

namespace tcptools::net {

struct tls_proof {
  enum class key_state { none, known, unknown, expired, elsewhere };

  asio::ip::address peer;  // of a server's client

  // A server's: of the last key that was looked for, of those that the client named.
  unsigned keys_named = 0;
  key_state state = key_state::none;
  std::string key_name;  // made visible
  std::shared_ptr<const key> by_key;

  // A client's with a key: the server showed a certificate.
  bool is_certificate_instead = false;
};

}  // namespace tcptools::net
