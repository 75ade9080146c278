// Connections within this machine.
#pragma once

#include <sys/socket.h>

#include <asio/ip/tcp.hpp>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "tcptools/base/bytes.hpp"
#include "tcptools/net/tcp_stream.hpp"

namespace tcptools::testing {

inline bool has_ipv6(const net::any_executor& executor) {
  std::error_code failure;
  net::tcp_socket socket{executor};
  socket.open(asio::ip::tcp::v6(), failure);
  if (!failure) socket.bind({asio::ip::address_v6::loopback(), 0}, failure);
  return !failure;
}

// Two ends of one connection, the connecting one first.
inline std::pair<net::tcp_socket, net::tcp_socket> connected_sockets(
    const net::any_executor& executor, const asio::ip::address& address = asio::ip::address_v4::loopback()) {
  asio::basic_socket_acceptor<asio::ip::tcp, net::any_executor> acceptor{executor, {address, 0}};
  net::tcp_socket connecting{executor};
  connecting.connect(acceptor.local_endpoint());
  net::tcp_socket accepted = acceptor.accept();
  return {std::move(connecting), std::move(accepted)};
}

struct stream_pair {
  std::shared_ptr<net::tcp_stream> left;
  std::shared_ptr<net::tcp_stream> right;
};

inline stream_pair connected_streams(const net::any_executor& executor) {
  auto [left, right] = connected_sockets(executor);
  return {std::make_shared<net::tcp_stream>(std::move(left)), std::make_shared<net::tcp_stream>(std::move(right))};
}

// A listening socket that lets connections neither succeed nor fail: its queue is full, and nobody accepts.
class silent_listener {
 public:
  explicit silent_listener(const net::any_executor& executor) : listening_{executor} {
    const asio::ip::tcp::endpoint any_port{asio::ip::address_v4::loopback(), 0};
    listening_.open(any_port.protocol());
    listening_.bind(any_port);
    listening_.listen(0);
    for (std::size_t i = 0; i < enough_to_fill; ++i) begin_to_connect(queue_.emplace_back(executor));
  }

  [[nodiscard]] std::uint16_t port() const { return listening_.local_endpoint().port(); }

 private:
  static constexpr std::size_t enough_to_fill = 8;

  // The library's connect would wait for the answer, even on a socket that is not to block.
  void begin_to_connect(net::tcp_socket& socket) {
    const asio::ip::tcp::endpoint to = listening_.local_endpoint();
    socket.open(to.protocol());
    socket.native_non_blocking(true);
    if (::connect(socket.native_handle(), to.data(), static_cast<socklen_t>(to.size())) == 0) return;
    if (errno != EINPROGRESS) throw std::system_error{errno, std::system_category()};
  }

  asio::basic_socket_acceptor<asio::ip::tcp, net::any_executor> listening_;
  std::vector<net::tcp_socket> queue_;
};

// A port on which nobody listens on any loopback address: bound, so that nobody else takes it, and no more.
class closed_port {
 public:
  explicit closed_port(const net::any_executor& executor) : bound_{executor} {
    bound_.open(asio::ip::tcp::v4());
    bound_.bind({asio::ip::address_v4::loopback(), 0});
  }

  [[nodiscard]] std::uint16_t port() const { return bound_.local_endpoint().port(); }

 private:
  net::tcp_socket bound_;
};

// `size` bytes that repeat late, so that what is missing or misplaced is seen.
inline byte_buffer varied_bytes(std::size_t size) {
  byte_buffer bytes(size);
  std::uint32_t state = 1;
  for (std::byte& one : bytes) {
    state = state * 1664525U + 1013904223U;
    one = static_cast<std::byte>(state >> 24U);
  }
  return bytes;
}

// Everything up to the peer's end of stream.
inline net::awaitable<byte_buffer> read_all(net::stream& from) {
  byte_buffer all;
  byte_buffer part(100'000);
  for (;;) {
    const result<std::size_t> got = co_await from.read_some(part);
    if (!got) {
      CHECK(got.error() == error{errc::end_of_stream, "connection closed by " + from.peer().text});
      co_return all;
    }
    all.insert(all.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(*got));
  }
}

}  // namespace tcptools::testing
