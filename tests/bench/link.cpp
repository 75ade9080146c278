#include "link.hpp"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <stdexcept>
#include <utility>

#include "tcptools/net/key_file.hpp"

namespace tcptools::bench {
namespace {

int int_size(std::size_t size) {
  return static_cast<int>(std::min<std::size_t>(size, std::numeric_limits<int>::max()));
}

// As the system's calls say it.
ssize_t outcome(const ssl_st* ssl, int done) {
  if (done > 0) return done;
  switch (SSL_get_error(ssl, done)) {
    case SSL_ERROR_ZERO_RETURN:
      return 0;
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      errno = EAGAIN;
      return -1;
    case SSL_ERROR_SYSCALL:
      return -1;
    default:
      errno = EPROTO;
      return -1;
  }
}

}  // namespace

void link::free_ssl::operator()(ssl_st* ssl) const noexcept { SSL_free(ssl); }

void link::secure(const net::tls_client& context) {
  const int flags = ::fcntl(fd_.get(), F_GETFL);
  tls_.reset(SSL_new(context.native()));
  if (!tls_ || SSL_set_fd(tls_.get(), fd_.get()) != 1) throw std::runtime_error{"TLS cannot be set up"};
  ::fcntl(fd_.get(), F_SETFL, flags & ~O_NONBLOCK);
  const int done = SSL_connect(tls_.get());
  ::fcntl(fd_.get(), F_SETFL, flags);
  if (done != 1) throw std::runtime_error{"the TLS handshake failed"};
}

ssize_t link::receive(char* into, std::size_t size) const {
  if (!tls_) return ::recv(fd_.get(), into, size, 0);
  // One call gives one record.
  std::size_t filled = 0;
  while (filled < size) {
    ERR_clear_error();
    const ssize_t got = outcome(tls_.get(), SSL_read(tls_.get(), into + filled, int_size(size - filled)));
    if (got <= 0) return filled > 0 ? static_cast<ssize_t>(filled) : got;
    filled += static_cast<std::size_t>(got);
  }
  return static_cast<ssize_t>(filled);
}

ssize_t link::send(std::string_view bytes) const {
  if (!tls_) return ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  ERR_clear_error();
  return outcome(tls_.get(), SSL_write(tls_.get(), bytes.data(), int_size(bytes.size())));
}

std::shared_ptr<const net::tls_client> tls_by_key(const std::string& file) {
  auto own = net::read_own_key(file);
  if (!own) throw std::runtime_error{own.error().text()};
  net::tls_client::settings chosen;
  chosen.by_key = std::make_shared<const net::key>(std::move(*own));
  auto made = net::tls_client::make(std::move(chosen));
  if (!made) throw std::runtime_error{made.error().text()};
  return *made;
}

}  // namespace tcptools::bench
