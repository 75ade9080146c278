#include "tcptools/chat/flood_control.hpp"

#include <algorithm>
#include <cmath>

namespace tcptools::chat {

void flood_control::refill(const flood_limits& bounds, clock::time_point now) noexcept {
  const double seconds = std::chrono::duration<double>(now - refilled_at_).count();
  const auto left = [seconds](float spent, double rate) {
    return static_cast<float>(std::max(0.0, static_cast<double>(spent) - seconds * rate));
  };
  messages_spent_ = left(messages_spent_, bounds.messages_per_second);
  bytes_spent_ = left(bytes_spent_, bounds.bytes_per_second);
  refilled_at_ = now;
}

void flood_control::take(const flood_limits& bounds, std::size_t bytes, clock::time_point now) noexcept {
  if (bounds.off) return;
  refill(bounds, now);
  messages_spent_ += 1;
  bytes_spent_ += static_cast<float>(bytes);
}

bool flood_control::may_go_on(const flood_limits& bounds, clock::time_point now) noexcept {
  if (bounds.off) return true;
  refill(bounds, now);
  return static_cast<double>(messages_spent_) + 1 <= bounds.message_burst &&
         static_cast<double>(bytes_spent_) < bounds.byte_burst;
}

flood_control::clock::time_point flood_control::when(const flood_limits& bounds, clock::time_point now) const noexcept {
  const double for_messages =
      (static_cast<double>(messages_spent_) + 1 - bounds.message_burst) / bounds.messages_per_second;
  const double for_bytes = (static_cast<double>(bytes_spent_) - bounds.byte_burst) / bounds.bytes_per_second;
  const double seconds = std::max({for_messages, for_bytes, 0.0});
  // A little later, so that rounding does not make it too early.
  return now + std::chrono::milliseconds{static_cast<std::int64_t>(std::ceil(seconds * 1000.0)) + 1};
}

}  // namespace tcptools::chat
