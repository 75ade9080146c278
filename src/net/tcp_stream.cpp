#include "tcptools/net/tcp_stream.hpp"

#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <asio/cancellation_type.hpp>
#include <asio/error.hpp>
#include <asio/this_coro.hpp>
#include <cerrno>
#include <string>
#include <utility>

#include "tcptools/net/endpoint.hpp"

namespace tcptools::net {
namespace {

constexpr std::size_t pieces_per_call = 64;

// What the kernel holds before it is sent is lost with the connection, and late where something urgent follows it.
constexpr int most_unsent = 512 << 10;

peer_info describe_peer(const tcp_socket& socket) {
  std::error_code failure;
  const asio::ip::tcp::endpoint endpoint = socket.remote_endpoint(failure);
  if (failure) return {"a peer that left", ""};
  return {to_text(endpoint), to_text(endpoint.address())};
}

asio::ip::tcp protocol_of(const tcp_socket& socket) {
  std::error_code failure;
  return socket.local_endpoint(failure).protocol();
}

// On Linux EWOULDBLOCK is the same number.
bool would_block(int error_number) noexcept { return error_number == EAGAIN; }

}  // namespace

void set_stream_options(int socket) {
  // None of these is needed for a correct transfer.
  const auto set = [socket](int level, int option, int value) {
    (void)::setsockopt(socket, level, option, &value, sizeof value);
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(IPPROTO_TCP, TCP_NOTSENT_LOWAT, most_unsent);
  // A peer that vanished is found out within three minutes; the system's own idea is two hours.
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 60);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 20);
  set(IPPROTO_TCP, TCP_KEEPCNT, 6);
}

tcp_stream::tcp_stream(tcp_socket socket)
    : socket_{std::move(socket)}, protocol_{protocol_of(socket_)}, peer_{describe_peer(socket_)} {
  std::error_code ignored;
  socket_.native_non_blocking(true, ignored);
}

result<void> tcp_stream::check_usable() const {
  if (!socket_.is_open() && !lent_) return error{errc::connection_lost, "connection to " + peer_.text + " closed"};
  if (deadline_ && deadline_->expired()) return error{errc::timed_out, "connection to " + peer_.text + " timed out"};
  return {};
}

void tcp_stream::set_deadline(clock::time_point when) {
  if (!deadline_) {
    deadline_.emplace(socket_.get_executor(), [this] {
      std::error_code ignored;
      socket_.cancel(ignored);
    });
  }
  deadline_->set(when);
}

void tcp_stream::clear_deadline() {
  if (deadline_) deadline_->clear();
}

error tcp_stream::lost(int error_number) const {
  return error{errc::connection_lost, "connection to " + peer_.text + " lost: " + os_text(error_number)};
}

// Also returns when the wait was interrupted by a deadline that has been moved meanwhile: the caller tries, and waits
// again.
awaitable<result<void>> tcp_stream::wait_for(asio::socket_base::wait_type what) {
  const auto [failure] = co_await socket_.async_wait(what, use_tuple);
  if (const result<void> usable = check_usable(); !usable) co_return usable;
  const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
  if (failure && state.cancelled() != asio::cancellation_type::none) {
    co_return error{errc::cancelled, "connection to " + peer_.text + " given up: cancelled"};
  }
  if (failure && failure != asio::error::operation_aborted) co_return lost(failure.value());
  co_return result<void>{};
}

result<std::size_t> tcp_stream::receive(std::span<std::byte> into, int flags) {
  if (const result<void> usable = check_usable(); !usable) return usable.error();
  for (;;) {
    const ssize_t got = ::recv(fd(), into.data(), into.size(), flags | MSG_DONTWAIT);
    if (got > 0) return static_cast<std::size_t>(got);
    if (got == 0) return error{errc::end_of_stream, "connection closed by " + peer_.text};
    if (would_block(errno)) return std::size_t{0};
    if (errno != EINTR) return lost(errno);
  }
}

result<std::size_t> tcp_stream::try_read(std::span<std::byte> into) {
  const result<std::size_t> got = receive(into, 0);
  if (got) bytes_read_ += *got;
  return got;
}

result<std::size_t> tcp_stream::try_peek(std::span<std::byte> into) { return receive(into, MSG_PEEK); }

result<std::size_t> tcp_stream::try_write(std::span<const byte_view> pieces) {
  if (const result<void> usable = check_usable(); !usable) return usable.error();
  std::array<iovec, pieces_per_call> vector;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled as far as used
  const std::size_t count = std::min(pieces.size(), vector.size());
  for (std::size_t i = 0; i < count; ++i) {
    vector[i] = {const_cast<std::byte*>(pieces[i].data()), pieces[i].size()};  // NOLINT: iovec has no const form
  }
  msghdr message{};
  message.msg_iov = vector.data();
  message.msg_iovlen = count;
  for (;;) {
    const ssize_t sent = ::sendmsg(fd(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      bytes_written_ += static_cast<std::size_t>(sent);
      return static_cast<std::size_t>(sent);
    }
    if (would_block(errno)) return std::size_t{0};
    if (errno != EINTR) return lost(errno);
  }
}

awaitable<result<void>> tcp_stream::shutdown_send() {
  std::error_code failure;
  socket_.shutdown(asio::socket_base::shutdown_send, failure);
  if (failure) co_return lost(failure.value());
  co_return result<void>{};
}

void tcp_stream::close() {
  if (lent_) {
    (void)::shutdown(lent_.get(), SHUT_RDWR);
    return;
  }
  std::error_code ignored;
  socket_.close(ignored);
}

bool tcp_stream::lend() {
  std::error_code failure;
  const int fd = socket_.release(failure);
  if (!failure) lent_.reset(fd);
  return !failure;
}

void tcp_stream::take_back() {
  std::error_code failure;
  socket_.assign(protocol_, lent_.get(), failure);
  if (!failure) {
    (void)lent_.release();
  } else {
    lent_.reset();  // lost, as reading and writing will tell
  }
}

void tcp_stream::reset() {
  std::error_code ignored;
  socket_.set_option(asio::socket_base::linger{true, 0}, ignored);
  close();
}

std::size_t tcp_stream::unacknowledged() const {
  int count = 0;
  if (!socket_.is_open() || ::ioctl(socket_.native_handle(), SIOCOUTQ, &count) != 0) return 0;
  return static_cast<std::size_t>(std::max(count, 0));
}

path_state tcp_stream::path() const {
  tcp_info known{};
  socklen_t size = sizeof known;
  const bool is_known =
      socket_.is_open() && ::getsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_INFO, &known, &size) == 0;
  if (!is_known) return {};
  return {std::chrono::microseconds{known.tcpi_rtt}, known.tcpi_unacked > 0};
}

}  // namespace tcptools::net
