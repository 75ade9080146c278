// What logs and queues take, added up, so that there can be a bound on all of it.
#pragma once

#include <cstddef>
#include <utility>

namespace tcptools::chat {

struct memory_use {
  std::size_t bytes = 0;
};

// A part of it, for as long as this object lives. The memory_use outlives it.
class memory_share {
 public:
  explicit memory_share(memory_use& whole) noexcept : whole_{whole} {}
  memory_share(const memory_share&) = delete;
  memory_share& operator=(const memory_share&) = delete;
  ~memory_share() { whole_.bytes -= bytes_; }

  void set(std::size_t bytes) noexcept {
    whole_.bytes += bytes - bytes_;
    bytes_ = bytes;
  }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  memory_use& whole_;
  std::size_t bytes_ = 0;
};

}  // namespace tcptools::chat
