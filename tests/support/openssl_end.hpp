// An end of a TLS connection in the hands of a test: OpenSSL in memory, whose bytes the test carries, keeps or spoils.
#pragma once

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include <array>
#include <memory>

#include "support/catch.hpp"
#include "tcptools/base/bytes.hpp"
#include "tcptools/net/stream.hpp"

namespace tcptools::testing {

class openssl_end {
 public:
  // The client's end, with what a tls_client has been set up with.
  explicit openssl_end(SSL_CTX* context) : ssl_{SSL_new(context), &SSL_free} {
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl_.get());
  }

  [[nodiscard]] SSL* ssl() const noexcept { return ssl_.get(); }

  // What is to go to the peer, and then is forgotten here.
  [[nodiscard]] byte_buffer output() {
    byte_buffer all(static_cast<std::size_t>(BIO_ctrl_pending(SSL_get_wbio(ssl_.get()))));
    if (!all.empty()) BIO_read(SSL_get_wbio(ssl_.get()), all.data(), static_cast<int>(all.size()));
    return all;
  }
  void input(byte_view bytes) { BIO_write(SSL_get_rbio(ssl_.get()), bytes.data(), static_cast<int>(bytes.size())); }

  // Only the bytes of the first flight.
  [[nodiscard]] byte_buffer hello() {
    CHECK(SSL_do_handshake(ssl_.get()) != 1);
    return output();
  }

  // The rest of the handshake, after hello() was sent; the last flight is given back unsent.
  net::awaitable<byte_buffer> finish(net::stream& over) {
    std::array<std::byte, 16384> part{};
    while (SSL_do_handshake(ssl_.get()) != 1) {
      const result<std::size_t> got = co_await over.read_some(part);
      REQUIRE(got);
      input(byte_view{part}.first(*got));
    }
    co_return output();
  }

 private:
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
};

}  // namespace tcptools::testing
