// Waiting until a descriptor of somebody else's can be read or written, without touching its mode.
#pragma once

#include <asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

#include "tcptools/net/completion.hpp"

namespace tcptools::cli {

// Asio makes what it waits for non-blocking, for all who share it. So it is given an epoll(7) instance of our own that
// holds nothing but the descriptor, and is readable when that is ready.
class readiness {
 public:
  enum class direction : std::uint8_t { input, output };

  // Does not own `descriptor`, which outlives this.
  readiness(const net::any_executor& executor, int descriptor, direction where);

  // 0, or why the descriptor cannot be waited for; EPERM where it is always ready: files, and /dev/null.
  [[nodiscard]] int error_number() const noexcept { return error_number_; }

  // Precondition: error_number() == 0. `token` completes with an error code.
  template <class Token>
  auto async_wait(Token&& token) {
    return epoll_.async_wait(asio::posix::descriptor_base::wait_read, std::forward<Token>(token));
  }

  void cancel();

 private:
  asio::posix::stream_descriptor epoll_;
  int error_number_ = 0;
};

}  // namespace tcptools::cli
