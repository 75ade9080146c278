// How much content a session may still deliver.
#pragma once

#include <cstdint>
#include <limits>

namespace tcptools::transfer {

inline constexpr std::uint64_t unlimited_bytes = std::numeric_limits<std::uint64_t>::max();

class byte_allowance {
 public:
  explicit byte_allowance(std::uint64_t bytes = unlimited_bytes) noexcept : left_{bytes} {}

  // False, and nothing is taken, if that is more than is left. What was taken never comes back: content that was given
  // up may still be kept for a later transfer.
  [[nodiscard]] bool take(std::uint64_t bytes) noexcept {
    if (bytes > left_) return false;
    if (left_ != unlimited_bytes) left_ -= bytes;
    return true;
  }

 private:
  std::uint64_t left_;
};

}  // namespace tcptools::transfer
