// Bytes on the wire and on disk: big-endian integers, appended by a writer and taken by a reader that never reads past
// the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tcptools {

using byte_view = std::span<const std::byte>;
using byte_buffer = std::vector<std::byte>;

[[nodiscard]] inline byte_view as_bytes(std::string_view text) noexcept { return std::as_bytes(std::span{text}); }
[[nodiscard]] inline std::string_view as_text(byte_view bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Appends to a buffer that somebody else owns and that outlives the writer.
class byte_writer {
 public:
  explicit byte_writer(byte_buffer& out) noexcept : out_{out} {}

  byte_writer& u8(std::uint8_t value) { return put(value); }
  byte_writer& u16(std::uint16_t value) { return put(value); }
  byte_writer& u32(std::uint32_t value) { return put(value); }
  byte_writer& u64(std::uint64_t value) { return put(value); }
  byte_writer& bytes(byte_view value) {
    out_.insert(out_.end(), value.begin(), value.end());
    return *this;
  }
  byte_writer& text(std::string_view value) { return bytes(as_bytes(value)); }

 private:
  template <class Unsigned>
  byte_writer& put(Unsigned value) {
    for (int shift = (static_cast<int>(sizeof value) - 1) * 8; shift >= 0; shift -= 8) {
      out_.push_back(static_cast<std::byte>(value >> shift));
    }
    return *this;
  }

  byte_buffer& out_;
};

// Takes from a view. Once something is asked for that is not there, ok() is false for good and every further answer is
// zero or empty: a caller reads all fields, then asks once.
class byte_reader {
 public:
  explicit byte_reader(byte_view in) noexcept : in_{in} {}

  std::uint8_t u8() noexcept { return get<std::uint8_t>(); }
  std::uint16_t u16() noexcept { return get<std::uint16_t>(); }
  std::uint32_t u32() noexcept { return get<std::uint32_t>(); }
  std::uint64_t u64() noexcept { return get<std::uint64_t>(); }

  // The next `count` bytes, as a view into what the reader reads from.
  byte_view bytes(std::size_t count) noexcept {
    if (count > in_.size()) {
      ok_ = false;
      in_ = {};
      return {};
    }
    const byte_view taken = in_.first(count);
    in_ = in_.subspan(count);
    return taken;
  }
  std::string_view text(std::size_t count) noexcept { return as_text(bytes(count)); }
  byte_view rest() noexcept { return bytes(in_.size()); }

  [[nodiscard]] std::size_t remaining() const noexcept { return in_.size(); }
  [[nodiscard]] bool ok() const noexcept { return ok_; }
  // Everything was there and nothing is left.
  [[nodiscard]] bool complete() const noexcept { return ok_ && in_.empty(); }

 private:
  template <class Unsigned>
  Unsigned get() noexcept {
    Unsigned value = 0;
    for (const std::byte byte : bytes(sizeof value))
      value = static_cast<Unsigned>((value << 8) | static_cast<Unsigned>(byte));
    return value;
  }

  byte_view in_;
  bool ok_ = true;
};

}  // namespace tcptools
