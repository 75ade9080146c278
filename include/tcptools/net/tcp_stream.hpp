// A stream over plain TCP.
#pragma once

#include <asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "tcptools/base/unique_fd.hpp"
#include "tcptools/net/deadline.hpp"
#include "tcptools/net/patient_stream.hpp"

namespace tcptools::net {

using tcp_socket = asio::basic_stream_socket<asio::ip::tcp, any_executor>;

// Small writes go out at once (TCP_NODELAY), and a peer that vanished is found out (SO_KEEPALIVE). On Linux what is
// accepted has the options of the listening socket.
void set_stream_options(int socket);

// Each attempt to read or write is one system call.
class tcp_stream final : public patient_stream {
 public:
  // A connected socket; options are set before, or came from the listening one.
  explicit tcp_stream(tcp_socket socket);

  [[nodiscard]] result<std::size_t> try_read(std::span<std::byte> into) override;
  // As try_read(), but what is there stays there to be read: the rest is seen only once that is read.
  [[nodiscard]] result<std::size_t> try_peek(std::span<std::byte> into);
  [[nodiscard]] result<std::size_t> try_write(std::span<const byte_view> pieces) override;
  [[nodiscard]] awaitable<result<void>> wait_readable() override { return wait_for(asio::socket_base::wait_read); }
  [[nodiscard]] awaitable<result<void>> wait_writable() override { return wait_for(asio::socket_base::wait_write); }
  [[nodiscard]] awaitable<result<void>> shutdown_send() override;
  void close() override;

  // Open, and its deadline has not passed. Errors as read_some().
  [[nodiscard]] result<void> check_usable() const;

  [[nodiscard]] bool lend() override;
  [[nodiscard]] bool is_lent() const noexcept { return static_cast<bool>(lent_); }
  void take_back() override;

  void set_deadline(clock::time_point when) override;
  void clear_deadline() override;

  void reset() override;
  [[nodiscard]] std::size_t unacknowledged() const override;
  [[nodiscard]] path_state path() const override;
  [[nodiscard]] const peer_info& peer() const override { return peer_; }
  // For a connection that a proxy passed on.
  void set_peer(peer_info peer) { peer_ = std::move(peer); }
  [[nodiscard]] std::uint64_t bytes_read() const override { return bytes_read_; }
  [[nodiscard]] std::uint64_t bytes_written() const override { return bytes_written_; }
  [[nodiscard]] any_executor get_executor() override { return socket_.get_executor(); }

 private:
  // Waits until the socket can be read or written, or has failed.
  [[nodiscard]] awaitable<result<void>> wait_for(asio::socket_base::wait_type what);
  [[nodiscard]] int fd() const { return lent_ ? lent_.get() : socket_.native_handle(); }
  [[nodiscard]] error lost(int error_number) const;
  [[nodiscard]] result<std::size_t> receive(std::span<std::byte> into, int flags);

  mutable tcp_socket socket_;
  asio::ip::tcp protocol_;
  unique_fd lent_;  // the socket while it is lent
  peer_info peer_;
  std::optional<deadline> deadline_;  // once one was set: many streams have none
  std::uint64_t bytes_read_ = 0;
  std::uint64_t bytes_written_ = 0;
};

}  // namespace tcptools::net
