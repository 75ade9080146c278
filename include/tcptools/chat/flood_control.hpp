// How much one session may say: two token buckets, messages and bytes. No clock: time comes in as an argument.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace tcptools::chat {

struct flood_limits {
  double messages_per_second = 50;
  double message_burst = 200;
  double bytes_per_second = 128.0 * 1024;
  double byte_burst = 1024.0 * 1024;
  bool off = false;
};

class flood_control {
 public:
  using clock = std::chrono::steady_clock;

  // One message of so many bytes was said. Precondition: may_go_on() said so.
  void take(const flood_limits& bounds, std::size_t bytes, clock::time_point now) noexcept;

  // The next message, whatever its size, may be taken. A long one may overdraw the bytes, and is paid for after.
  [[nodiscard]] bool may_go_on(const flood_limits& bounds, clock::time_point now) noexcept;

  // When it may, if it may not now.
  [[nodiscard]] clock::time_point when(const flood_limits& bounds, clock::time_point now) const noexcept;

 private:
  void refill(const flood_limits& bounds, clock::time_point now) noexcept;

  // Spent and not yet regained, so that nothing is to be set up for a session that never speaks.
  float messages_spent_ = 0;
  float bytes_spent_ = 0;
  clock::time_point refilled_at_;
};

}  // namespace tcptools::chat
