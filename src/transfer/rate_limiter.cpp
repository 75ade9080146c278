#include "tcptools/transfer/rate_limiter.hpp"

#include <algorithm>

namespace tcptools::transfer {

std::size_t rate_limiter::largest_piece() const noexcept {
  return static_cast<std::size_t>(std::clamp<std::uint64_t>(rate_ / 10, 512, 256U << 10U));
}

rate_limiter::clock::duration rate_limiter::reserve(std::size_t bytes, clock::time_point now) noexcept {
  const clock::time_point start = std::max(free_at_, now);
  const std::chrono::duration<double> cost{static_cast<double>(bytes) / static_cast<double>(rate_)};
  free_at_ = start + std::chrono::duration_cast<clock::duration>(cost);
  return start - now;
}

}  // namespace tcptools::transfer
