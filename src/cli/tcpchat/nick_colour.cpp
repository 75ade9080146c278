#include "cli/tcpchat/nick_colour.hpp"

#include <array>

#include "cli/terminal.hpp"

namespace tcptools::cli {
namespace {

// Of xterm's 6x6x6 cube, with a contrast of at least 3.8 both to white and to black (WCAG 2.1).
constexpr std::array<std::uint8_t, 20> palette{160, 166, 130, 100, 64,  28,  29,  30,  31,  32,
                                               27,  62,  98,  97,  134, 128, 164, 162, 132, 161};

// Red, green, magenta, cyan: of the others blue is hard to read on black, and yellow on white.
constexpr std::array<int, 4> basic{31, 32, 35, 36};

// FNV-1a, 32 bits, http://www.isthe.com/chongo/tech/comp/fnv/.
std::uint32_t hash(std::string_view nick) noexcept {
  std::uint32_t state = 2'166'136'261U;
  for (const char letter : nick) {
    const bool capital = letter >= 'A' && letter <= 'Z';
    state ^= static_cast<unsigned char>(letter) | (capital ? 0x20U : 0U);
    state *= 16'777'619U;
  }
  return state ^ state >> 16U;
}

}  // namespace

colour_depth colours_of(int descriptor) {
  const std::string_view terminal = environment("TERM");
  if (!environment("NO_COLOR").empty() || terminal.empty() || terminal == "dumb" || !is_terminal(descriptor)) {
    return colour_depth::none;
  }
  const bool many = terminal.find("256color") != std::string_view::npos || !environment("COLORTERM").empty();
  return many ? colour_depth::palette : colour_depth::basic;
}

std::uint8_t palette_colour(std::string_view nick) noexcept { return palette[hash(nick) % palette.size()]; }

std::string in_colour_of(std::string_view nick, std::string_view text, colour_depth depth) {
  std::string begin;
  switch (depth) {
    case colour_depth::none:
      return std::string{text};
    case colour_depth::basic:
      begin = std::to_string(basic[hash(nick) % basic.size()]);
      break;
    case colour_depth::palette:
      begin = "38;5;" + std::to_string(palette_colour(nick));
      break;
  }
  return "\x1b[" + begin + "m" + std::string{text} + "\x1b[39m";
}

}  // namespace tcptools::cli
