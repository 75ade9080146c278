// A colour for each nickname, always the same one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tcptools::cli {

enum class colour_depth : std::uint8_t { none, basic, palette };

// What the terminal at `descriptor` can do and its user wants: none where it is no terminal, TERM is unset or "dumb",
// or NO_COLOR is set and not empty (https://no-color.org).
[[nodiscard]] colour_depth colours_of(int descriptor);

// The colour of `nick` in the palette of 256, for dark and for light backgrounds. Capitals make no difference.
[[nodiscard]] std::uint8_t palette_colour(std::string_view nick) noexcept;

// `text` in the colour of `nick`; `text` itself for colour_depth::none.
[[nodiscard]] std::string in_colour_of(std::string_view nick, std::string_view text, colour_depth depth);

}  // namespace tcptools::cli
