// Connecting to a host by name.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include <asio/ip/tcp.hpp>

#include "tcptools/base/result.hpp"
#include "tcptools/net/completion.hpp"
#include "tcptools/net/deadline.hpp"
#include "tcptools/net/stream.hpp"
#include "tcptools/net/tcp_stream.hpp"

namespace tcptools::net {

// Tries a host's addresses in turn. One attempt at a time; outlives it.
class connector {
 public:
  explicit connector(const any_executor& executor);

  // Looking the name up and each address have `timeout`. Fails with errc::connect_failed and one line that says what happened at each
  // address, errc::timed_out if none answered at all, or errc::cancelled.
  [[nodiscard]] awaitable<result<std::shared_ptr<stream>>> connect(std::string host, std::uint16_t port,
                                                                   std::chrono::milliseconds timeout);

  // Ends the attempt.
  void cancel();

 private:
  using resolver = asio::ip::basic_resolver<asio::ip::tcp, any_executor>;

  [[nodiscard]] awaitable<result<std::vector<asio::ip::tcp::endpoint>>> look_up(const std::string& host, std::uint16_t port);
  void stop_waiting();

  any_executor executor_;
  resolver resolver_;
  tcp_socket socket_;
  deadline deadline_;
  bool cancelled_ = false;
};

}  // namespace tcptools::net
