// Connecting to a host by name.
#pragma once

#include <asio/ip/tcp.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tcptools/base/result.hpp"
#include "tcptools/net/completion.hpp"
#include "tcptools/net/lookup.hpp"
#include "tcptools/net/stream.hpp"
#include "tcptools/net/tcp_stream.hpp"
#include "tcptools/net/tls_context.hpp"

namespace tcptools::net {

// Tries a host's addresses in turn, at most 16 of them. One attempt at a time; outlives it.
class connector {
 public:
  explicit connector(const any_executor& executor, lookup_function ask = ask_system);

  // From now on connections are secured with this, which is part of the time an address has. connect() then fails also
  // as connect_tls() does: whoever is refused at one address does not try the others.
  void secure_with(std::shared_ptr<const tls_client> context) { tls_ = std::move(context); }

  // Looking the name up and each address have `timeout`. Fails with errc::connect_failed and one line that says what
  // happened at each address, errc::timed_out if none answered at all, or errc::cancelled.
  [[nodiscard]] awaitable<result<std::shared_ptr<stream>>> connect(std::string host, std::uint16_t port,
                                                                   std::chrono::milliseconds timeout);

  // Ends the attempt at once, and refuses later ones.
  void cancel();

 private:
  [[nodiscard]] awaitable<result<std::vector<asio::ip::address>>> look_up(const std::string& host);
  // The connection that was made, with TLS if that is wanted.
  [[nodiscard]] awaitable<result<std::shared_ptr<stream>>> secure(std::string host);
  void stop_waiting();

  any_executor executor_;
  lookup lookup_;
  tcp_socket socket_;
  std::shared_ptr<tcp_stream> in_handshake_;
  std::shared_ptr<const tls_client> tls_;  // null: in the clear
  bool cancelled_ = false;
};

}  // namespace tcptools::net
