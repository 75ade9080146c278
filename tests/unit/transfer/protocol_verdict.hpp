// What decoding says of a whole frame.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>

#include "frame_samples.hpp"
#include "support/catch.hpp"

namespace tcptools::testing {

enum class verdict { taken, violation, other_version };

// Decodes a copy that ends where its memory ends, so that a sanitizer sees what is read beyond.
inline verdict verdict_of(byte_view wire) {
  const auto copy = std::make_unique<std::byte[]>(wire.size());
  std::ranges::copy(wire, copy.get());
  const auto step = transfer::decode({copy.get(), wire.size()});
  if (step) {
    CHECK(step->value);
    CHECK(step->size == wire.size());
    return verdict::taken;
  }
  CHECK_FALSE(step.error().text().empty());
  if (step.error().code() == errc::version_unsupported) return verdict::other_version;
  CHECK(step.error().code() == errc::protocol_violation);
  return verdict::violation;
}

inline verdict verdict_of(const transfer::frame& value) { return verdict_of(encoded(value)); }

// A frame with any payload, also one that the encoder would not write.
inline byte_buffer raw_frame(std::uint8_t type, std::uint8_t flags, byte_view payload, std::uint16_t reserved = 0) {
  byte_buffer wire;
  byte_writer writer{wire};
  writer.u8(type).u8(flags).u16(reserved).u32(static_cast<std::uint32_t>(payload.size())).bytes(payload);
  return wire;
}

}  // namespace tcptools::testing
