// Bytes that are wiped when they go.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "tcptools/base/bytes.hpp"

namespace tcptools::net {

// Fills with what nobody can guess. Throws std::runtime_error if the system has no random numbers.
void fill_with_random(std::span<std::byte> bytes);

// Takes the same time wherever they differ. Precondition: they are of one size.
[[nodiscard]] bool is_same_secret(byte_view a, byte_view b) noexcept;

// Not left out by a compiler that sees that nobody reads them any more.
void wipe(void* bytes, std::size_t size) noexcept;

template <class T>
struct wiping_allocator {
  using value_type = T;

  wiping_allocator() = default;
  template <class U>
  explicit wiping_allocator(const wiping_allocator<U>& /*other*/) noexcept {}

  [[nodiscard]] T* allocate(std::size_t count) { return std::allocator<T>{}.allocate(count); }
  void deallocate(T* memory, std::size_t count) noexcept {
    wipe(memory, count * sizeof(T));
    std::allocator<T>{}.deallocate(memory, count);
  }

  friend bool operator==(const wiping_allocator& /*a*/, const wiping_allocator& /*b*/) noexcept { return true; }
};

// What it leaves behind where it grows is wiped, too.
using secret_bytes = std::vector<std::byte, wiping_allocator<std::byte>>;

}  // namespace tcptools::net
