// The parts of a simulated connection that both ends share: chance, and bytes under way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>

#include "tcptools/base/bytes.hpp"

namespace tcptools::testing {

// Chance that comes out the same for the same seed.
class dice {
 public:
  explicit dice(std::uint64_t seed) : engine_{seed} {}

  // 0 to n - 1. Precondition: n > 0.
  std::uint64_t below(std::uint64_t n) { return engine_() % n; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  // Mostly small, sometimes as large as `most`. Precondition: most > 0.
  std::size_t up_to(std::size_t most) {
    const std::size_t bound = one_in(3) ? most : std::size_t{1} << below(17);
    return 1 + static_cast<std::size_t>(below(bound < most ? bound : most));
  }

 private:
  std::mt19937_64 engine_;
};

// Bytes in the order they were put in.
class byte_queue {
 public:
  void put(byte_view bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  // Precondition: count <= size().
  byte_buffer take(std::size_t count) {
    const byte_view taken = unread().first(count);
    byte_buffer out{taken.begin(), taken.end()};
    start_ += count;
    if (start_ == bytes_.size() || start_ > (1U << 20U)) {
      bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(start_));
      start_ = 0;
    }
    return out;
  }
  [[nodiscard]] byte_view unread() const { return byte_view{bytes_}.subspan(start_); }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size() - start_; }

 private:
  byte_buffer bytes_;
  std::size_t start_ = 0;
};

}  // namespace tcptools::testing
