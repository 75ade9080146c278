// Waiting for a descriptor that other processes may share, such as standard input, without touching its mode.
#pragma once

#include <asio/posix/basic_stream_descriptor.hpp>
#include <cstdint>
#include <system_error>
#include <utility>

#include "tcptools/net/completion.hpp"

namespace tcptools::cli {

// Asio makes what it waits for non-blocking, for all who share it, and leaves it so. So it is given an epoll(7)
// instance of our own that holds nothing but the descriptor, and is readable when that is ready.
class readiness {
 public:
  enum class kind : std::uint8_t { input, output, hang_up };

  // Does not own `descriptor`, which outlives this.
  readiness(const net::any_executor& executor, int descriptor, kind what);

  // 0, or why there is nothing to wait for; EPERM where it is always ready and never hangs up: files, and /dev/null.
  [[nodiscard]] int error_number() const noexcept { return error_number_; }
  [[nodiscard]] bool can_wait() const noexcept { return error_number_ == 0; }

  // Precondition: can_wait(). `token` completes with an error code.
  template <class Token>
  auto async_wait(Token&& token) {
    return epoll_.async_wait(asio::posix::descriptor_base::wait_read, std::forward<Token>(token));
  }
  // Returns when the descriptor is ready or broken: true; after cancel(): false. Precondition: can_wait().
  [[nodiscard]] net::awaitable<bool> wait() {
    const auto [failure] = co_await async_wait(net::use_tuple);
    co_return !failure;
  }

  // Ends the wait, if there is one.
  void cancel();

  [[nodiscard]] net::any_executor get_executor() { return epoll_.get_executor(); }

 private:
  asio::posix::basic_stream_descriptor<net::any_executor> epoll_;
  int error_number_ = 0;
};

}  // namespace tcptools::cli
