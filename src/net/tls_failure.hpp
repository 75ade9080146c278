// Why TLS did not work out, in words for users and logs.
#pragma once

#include <optional>
#include <string>

#include "tcptools/base/error.hpp"
#include "tls_proof.hpp"

struct ssl_st;

namespace tcptools::net {

struct tls_failure {
  enum class kind {
    network,    // of_network says what
    no_tls,     // the peer speaks something else
    too_large,  // more, or longer, messages of TLS' own than anybody needs
    tls,        // reason is OpenSSL's SSL_R_...
  };

  kind what = kind::tls;
  std::optional<error> of_network;
  int reason = 0;
};

// A server's words about a client: for its log, never for the client. Whether it takes keys decides what was missing.
[[nodiscard]] error explain_accepting(const tls_failure& failure, const tls_proof& proof, const ssl_st* ssl,
                                      bool takes_keys);
// `key_name` is empty where certificates are used.
[[nodiscard]] error explain_connecting(const tls_failure& failure, const tls_proof& proof, const ssl_st* ssl,
                                       const std::string& key_name, const std::string& host);
// After the handshake.
[[nodiscard]] error explain_session(const tls_failure& failure, const std::string& peer);

}  // namespace tcptools::net
