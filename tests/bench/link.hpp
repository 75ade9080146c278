// A connection to a server, in the clear or over TLS.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "tcptools/base/unique_fd.hpp"
#include "tcptools/net/tls_context.hpp"

// OpenSSL's SSL.
struct ssl_st;

namespace tcptools::bench {

class link {
 public:
  link() = default;
  // A socket that does not block.
  explicit link(unique_fd socket) : fd_{std::move(socket)} {}

  // Blocks. Throws std::runtime_error.
  void secure(const net::tls_client& context);

  // As recv() and send() with sockets that do not block: -1 and errno. What is given over TLS is all that there is,
  // unless it fills `into`: then there may be more that does not make the socket readable.
  [[nodiscard]] ssize_t receive(char* into, std::size_t size) const;
  [[nodiscard]] ssize_t send(std::string_view bytes) const;

  [[nodiscard]] bool is_secure() const noexcept { return tls_ != nullptr; }
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  void close() {
    tls_.reset();
    fd_.reset();
  }

 private:
  struct free_ssl {
    void operator()(ssl_st* ssl) const noexcept;
  };

  unique_fd fd_;
  std::unique_ptr<ssl_st, free_ssl> tls_;  // null: in the clear
};

// What a client with this key file needs. Throws std::runtime_error.
[[nodiscard]] std::shared_ptr<const net::tls_client> tls_by_key(const std::string& file);

}  // namespace tcptools::bench
