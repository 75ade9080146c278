// XXH3-128 in canonical form: the digest of a block, and of the row of block digests (the root). docs/protocol.md,
// "Terms".
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>

#include "tcptools/base/bytes.hpp"

namespace tcptools::transfer {

struct digest {
  std::array<std::byte, 16> bytes{};

  friend bool operator==(const digest&, const digest&) = default;
};

// Accidents are detected, forgery is not: a digest is not a signature.
[[nodiscard]] digest digest_of(byte_view content) noexcept;

// The digest of `length` zero bytes, from a table for powers of two of a block's size, computed otherwise.
[[nodiscard]] digest digest_of_zeros(std::size_t length);

// 32 lower-case hexadecimal digits.
[[nodiscard]] std::string to_text(const digest& value);

// digest_of() for content that comes in pieces.
class running_digest {
 public:
  running_digest();
  running_digest(running_digest&&) noexcept;
  running_digest& operator=(running_digest&&) noexcept;
  ~running_digest();

  void update(byte_view piece) noexcept;
  [[nodiscard]] digest value() const noexcept;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace tcptools::transfer
