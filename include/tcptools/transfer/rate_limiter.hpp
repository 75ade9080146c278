// Spreads bytes evenly over time. No clock: time comes in as an argument.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace tcptools::transfer {

class rate_limiter {
 public:
  using clock = std::chrono::steady_clock;

  // Precondition: bytes_per_second > 0.
  explicit rate_limiter(std::uint64_t bytes_per_second) noexcept : rate_{bytes_per_second} {}

  // The most that should be written at once, so that the rate holds over tenths of a second.
  [[nodiscard]] std::size_t largest_piece() const noexcept;

  // How long to wait before `bytes` more are written. Time that was not used is not saved up.
  [[nodiscard]] clock::duration reserve(std::size_t bytes, clock::time_point now) noexcept;

 private:
  std::uint64_t rate_;
  clock::time_point free_at_;
};

}  // namespace tcptools::transfer
