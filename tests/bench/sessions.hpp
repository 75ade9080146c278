// Opens many sessions with a server.
#pragma once

#include <netinet/in.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dialect.hpp"
#include "link.hpp"
#include "tcptools/base/unique_fd.hpp"
#include "tcptools/net/tls_context.hpp"

namespace tcptools::bench {

// Throws std::invalid_argument if `host` is no IPv4 address in digits.
[[nodiscard]] sockaddr_in make_address(const std::string& host, std::uint16_t port);

struct session {
  link with;
  std::string rest;  // received, behind the welcome, and not looked at yet
};

// Throws std::system_error, or std::runtime_error if not all of `bytes` fit into the socket's buffer.
void send_at_once(const session& to, std::string_view bytes);

// Sessions that are opened together, at most 200 at a time, so that no server's queue of connections overflows. More
// than 5,000 come from several addresses 127.0.0.x: where most ports of one are taken, the system looks long for a free
// one, which would count as the server's time.
class opening {
 public:
  // `receive_buffer` is the sockets' SO_RCVBUF, 0 what the system gives. Handshakes by `tls`, null for none, are done
  // one after the other. `who` must outlive this.
  opening(const sockaddr_in& server, const role& who, std::size_t count, std::shared_ptr<const net::tls_client> tls,
          int receive_buffer = 0);

  // Block until all are connected and greeted, or welcomed as well. Throw std::runtime_error if one fails, or if none
  // comes further for 10 s.
  void connect_all();
  void welcome_all();
  // The same for a welcome that is a probe, which `prober` sends: now and, as the server may not have accepted all yet,
  // whenever nothing happens for a while.
  void welcome_all(const session& prober, std::string_view probe);

  [[nodiscard]] std::vector<session> take() { return std::move(sessions_); }

 private:
  enum class stage : std::uint8_t { connecting, connected, welcomed };

  void start_next();
  void advance(std::size_t which);
  void become_connected(std::size_t which);
  void read_welcome(std::size_t which);
  [[nodiscard]] bool wait(int timeout_ms);
  void wait_patiently();
  [[noreturn]] void give_up() const;

  sockaddr_in server_;
  const role& who_;
  std::size_t count_;
  std::size_t addresses_;
  std::shared_ptr<const net::tls_client> tls_;
  int receive_buffer_;
  unique_fd epoll_;
  std::vector<session> sessions_;
  std::vector<stage> stages_;
  std::size_t connected_ = 0;  // or further
  std::size_t welcomed_ = 0;
};

}  // namespace tcptools::bench
