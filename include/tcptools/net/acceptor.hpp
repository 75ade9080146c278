// Listens on one port of several addresses and hands out connections.
#pragma once

#include <asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "tcptools/base/result.hpp"
#include "tcptools/base/unique_fd.hpp"
#include "tcptools/net/completion.hpp"
#include "tcptools/net/event.hpp"
#include "tcptools/net/tcp_stream.hpp"

namespace tcptools::net {

// Outlives run().
class listener {
 public:
  using on_connection = std::function<void(std::shared_ptr<tcp_stream>)>;
  using on_trouble = std::function<void(const error&)>;

  // Listens on all of these addresses, IPv6 ones without their IPv4 form. Port 0: one that is free, the same for all.
  // "::" and "::1" are left out where the system has no IPv6, as long as one address remains. Fails with
  // errc::connect_failed.
  [[nodiscard]] static result<std::unique_ptr<listener>> open(const any_executor& executor,
                                                              const std::vector<asio::ip::address>& addresses,
                                                              std::uint16_t port);

  // Accepts until close() or its coroutine's cancellation. Where descriptors or memory run out it says so once, turns
  // the waiting connection away with the descriptor it keeps in reserve, and waits, longer each time up to a second,
  // before it tries again.
  awaitable<void> run(on_connection accept, on_trouble complain);

  void close();

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  // "127.0.0.1:1122, [::1]:1122"; empty once closed.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] any_executor get_executor() const { return executor_; }

 private:
  using acceptor = asio::basic_socket_acceptor<asio::ip::tcp, any_executor>;

  explicit listener(any_executor executor);
  // On failure `at` is where.
  [[nodiscard]] std::error_code bind_all(const std::vector<asio::ip::address>& addresses, std::uint16_t port,
                                         asio::ip::tcp::endpoint& at);
  awaitable<void> accept_from(acceptor& from, const on_connection& accept, const on_trouble& complain);
  void turn_one_away(acceptor& from);

  any_executor executor_;
  std::vector<std::unique_ptr<acceptor>> acceptors_;
  std::uint16_t port_ = 0;
  unique_fd reserve_;
  event closed_;
  bool open_ = true;
};

}  // namespace tcptools::net
