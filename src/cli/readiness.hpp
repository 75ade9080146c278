// Waiting for a descriptor that other processes may share, such as standard input.
#pragma once

#include <asio/posix/basic_stream_descriptor.hpp>
#include <cstdint>

#include "tcptools/net/completion.hpp"

namespace tcptools::cli {

// Asio makes what it waits for non-blocking, for all who share it, and leaves it so. Here it waits for an epoll(7)
// descriptor that watches the shared one.
class readiness {
 public:
  enum class kind : std::uint8_t { input, output, hang_up };

  // `descriptor` stays the caller's and open.
  readiness(const net::any_executor& executor, int descriptor, kind what);

  // False where there is nothing to wait for: files are always ready and never hang up.
  [[nodiscard]] bool can_wait() const noexcept { return can_wait_; }
  // Returns when the descriptor is ready or broken, or after cancel(). Precondition: can_wait().
  [[nodiscard]] net::awaitable<void> wait();
  // Ends the wait, if there is one.
  void cancel();

  [[nodiscard]] net::any_executor get_executor() { return watch_.get_executor(); }

 private:
  asio::posix::basic_stream_descriptor<net::any_executor> watch_;
  bool can_wait_ = false;
};

}  // namespace tcptools::cli
