// Code points of text that came from somebody else: what each is, and whether it can be seen.
#pragma once

#include <cstddef>
#include <string_view>

namespace tcptools {

struct code_point {
  char32_t value = 0;
  std::size_t length = 0;  // bytes; 0 where the text does not begin with well-formed UTF-8
};

// The first one of `text`, well-formed as of RFC 3629. Precondition: !text.empty().
[[nodiscard]] code_point first_code_point(std::string_view text) noexcept;

// Controls (C0, DEL, C1), line and paragraph separators, bidirectional controls, zero-width and other format characters
// without a shape of their own, variation selectors, tags.
[[nodiscard]] bool is_invisible(char32_t value) noexcept;

}  // namespace tcptools
