// What a message of the load says: a mark of this run, the number of the message, the time it was due, and filling.
// Only letters, so that no language has to escape anything.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tcptools::bench {

// Nanoseconds of the steady clock.
using nanoseconds = std::uint64_t;

[[nodiscard]] inline nanoseconds now() noexcept {
  return static_cast<nanoseconds>(
      std::chrono::nanoseconds{std::chrono::steady_clock::now().time_since_epoch()}.count());
}

struct stamp {
  std::uint32_t sequence = 0;
  nanoseconds due = 0;
};

inline constexpr std::size_t mark_size = 8;
// The least a text has: mark, number, time, and one character that shows that it is complete.
inline constexpr std::size_t least_size = mark_size + 8 + 16 + 1;
// The number of what is sent before a run to learn whether all are there.
inline constexpr std::uint32_t probe_sequence = 0xffff'ffff;

// Eight letters a..p, one for four bits, the lowest first.
inline void put_letters(char* out, std::uint32_t value) noexcept {
  for (int i = 0; i < 8; ++i) out[i] = static_cast<char>('a' + ((value >> (4 * i)) & 15U));
}

// What put_letters wrote; anything where there are other characters. All eight at once: it happens for each delivery.
[[nodiscard]] inline std::uint32_t take_letters(const char* in) noexcept {
  std::uint64_t x = 0;
  for (unsigned i = 0; i < 8; ++i) x |= std::uint64_t{static_cast<unsigned char>(in[i])} << (8 * i);
  x -= 0x6161'6161'6161'6161U;
  x = (x | (x >> 4)) & 0x00ff'00ff'00ff'00ffU;
  x = (x | (x >> 8)) & 0x0000'ffff'0000'ffffU;
  return static_cast<std::uint32_t>(x | (x >> 16));
}

// The texts of one run.
class payload {
 public:
  // Precondition: size >= least_size. `run` tells this run's texts from those of others.
  payload(std::size_t size, std::uint32_t run) : text_(size, 'x') {
    put_letters(text_.data(), run);
    text_.back() = 'z';
  }

  [[nodiscard]] std::size_t size() const noexcept { return text_.size(); }
  [[nodiscard]] std::string_view mark() const noexcept { return std::string_view{text_}.substr(0, mark_size); }

  [[nodiscard]] std::string text(stamp which) const {
    std::string made = text_;
    restamp(made.data(), which);
    return made;
  }

  // Turns the text at `text` into that of another message.
  static void restamp(char* text, stamp which) noexcept {
    put_letters(text + mark_size, which.sequence);
    put_letters(text + mark_size + 8, static_cast<std::uint32_t>(which.due));
    put_letters(text + mark_size + 16, static_cast<std::uint32_t>(which.due >> 32));
  }

  // None if it is not a whole text of this run.
  [[nodiscard]] std::optional<stamp> read(std::string_view text) const noexcept {
    if (text.size() != size() || !text.starts_with(mark()) || text.back() != text_.back()) return std::nullopt;
    const char* numbers = text.substr(mark_size).data();
    const nanoseconds low = take_letters(numbers + 8);
    const nanoseconds high = take_letters(numbers + 16);
    return stamp{take_letters(numbers), low | (high << 32)};
  }

 private:
  std::string text_;
};

}  // namespace tcptools::bench
