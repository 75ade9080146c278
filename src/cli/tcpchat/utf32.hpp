// Text as characters, for what counts and moves by them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tcptools::cli {

// What is no UTF-8 becomes U+FFFD.
[[nodiscard]] std::u32string to_utf32(std::string_view text);

// Appends the UTF-8 of a character.
void append_utf8(std::string& out, char32_t character);

[[nodiscard]] std::string to_utf8(std::u32string_view text);

// Cuts `text` to at most `size` bytes, and not within a character where it is UTF-8. False if there is nothing to cut.
bool cut_to(std::string& text, std::size_t size);

// One character at the beginning of bytes that may not all have come yet.
struct decoded {
  char32_t character = U'\uFFFD';
  std::size_t length = 1;  // bytes; 0 where more are needed to tell
};

// Precondition: !bytes.empty().
[[nodiscard]] decoded first_character(std::string_view bytes) noexcept;

}  // namespace tcptools::cli
