// What a side of TLS connections has been set up with, once for all of them. TLS 1.3 (RFC 8446) with shared keys as
// external pre-shared keys with (EC)DHE, or with certificates.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "tcptools/base/result.hpp"
#include "tcptools/net/key.hpp"
#include "tcptools/net/key_ring.hpp"

// OpenSSL's SSL_CTX.
struct ssl_ctx_st;

namespace tcptools::net {

// PEM files; the private one is refused if others can read it.
struct certificate_files {
  std::string chain;
  std::string private_key;

  friend bool operator==(const certificate_files&, const certificate_files&) = default;
};

// AES-GCM allows 2^24.5 full records under one key (RFC 8446, 5.5).
inline constexpr std::uint64_t most_records_per_key = 1U << 23U;

struct free_ssl_context {
  void operator()(ssl_ctx_st* context) const noexcept;
};
using ssl_context = std::unique_ptr<ssl_ctx_st, free_ssl_context>;

class tls_server {
 public:
  struct settings {
    std::shared_ptr<const key_ring> keys;  // null: none are taken
    certificate_files certificate;         // empty: none is shown
    std::string client_ca;                 // clients must show a certificate of these; empty: they are not asked
    bool tls12 = false;                    // for certificates, TLS 1.2 is taken as well
    std::uint64_t records_per_key = most_records_per_key;  // after so many of ours comes a new one, with TLS 1.3
  };

  // Fails with errc::usage: files that cannot be read or used, neither keys nor a certificate, or both without a
  // client_ca (whoever had no key would come in by trusting the certificate).
  [[nodiscard]] static result<std::shared_ptr<const tls_server>> make(settings chosen);

  [[nodiscard]] const settings& chosen() const noexcept { return settings_; }
  [[nodiscard]] ssl_ctx_st* native() const noexcept { return context_.get(); }

 private:
  tls_server(settings chosen, ssl_context context) : settings_{std::move(chosen)}, context_{std::move(context)} {}

  settings settings_;
  ssl_context context_;
};

class tls_client {
 public:
  struct settings {
    std::shared_ptr<const key> by_key;  // null: certificates
    std::string ca;                     // PEM file of whom to trust; empty: whom the system trusts
    certificate_files certificate;      // shown to a server that asks; empty: none
    bool tls12 = false;
    std::uint64_t records_per_key = most_records_per_key;
  };

  // Fails with errc::usage.
  [[nodiscard]] static result<std::shared_ptr<const tls_client>> make(settings chosen);

  [[nodiscard]] const settings& chosen() const noexcept { return settings_; }
  [[nodiscard]] ssl_ctx_st* native() const noexcept { return context_.get(); }

 private:
  tls_client(settings chosen, ssl_context context) : settings_{std::move(chosen)}, context_{std::move(context)} {}

  settings settings_;
  ssl_context context_;
};

}  // namespace tcptools::net
