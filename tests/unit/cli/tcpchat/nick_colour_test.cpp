#include "cli/tcpchat/nick_colour.hpp"

#include <array>
#include <cmath>
#include <set>

#include "support/catch.hpp"
#include "support/environment_variable.hpp"
#include "support/pseudo_terminal.hpp"

using namespace tcptools::cli;
using tcptools::testing::environment_variable;
using tcptools::testing::pseudo_terminal;

namespace {

// Relative luminance as of WCAG 2.1, of a colour of xterm's cube.
double luminance(std::uint8_t colour) {
  constexpr std::array<double, 6> levels{0, 95, 135, 175, 215, 255};
  const auto part = [&](int index) {
    const double value = levels.at(static_cast<std::size_t>(index)) / 255;
    return value <= 0.03928 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4);
  };
  const int index = colour - 16;
  return 0.2126 * part(index / 36) + 0.7152 * part(index / 6 % 6) + 0.0722 * part(index % 6);
}

}  // namespace

TEST_CASE("nicknames have colours that can be read on black and on white", "[cli]") {
  std::set<std::uint8_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(palette_colour("nick" + std::to_string(i)));
  CHECK(seen.size() == 20);
  for (const std::uint8_t colour : seen) {
    INFO(static_cast<int>(colour));
    CHECK(1.05 / (luminance(colour) + 0.05) >= 3.8);
    CHECK((luminance(colour) + 0.05) / 0.05 >= 3.8);
  }
}

TEST_CASE("a nickname keeps its colour, however it is written", "[cli]") {
  CHECK(palette_colour("alice") == palette_colour("Alice"));
  CHECK(palette_colour("alice") != palette_colour("bob"));
  CHECK(in_colour_of("alice", "[alice]", colour_depth::none) == "[alice]");
  CHECK(in_colour_of("Alice", "<Alice>", colour_depth::palette) ==
        "\x1b[38;5;" + std::to_string(palette_colour("alice")) + "m<Alice>\x1b[39m");
  CHECK(in_colour_of("Alice", "x", colour_depth::basic) == in_colour_of("alice", "x", colour_depth::basic));
}

TEST_CASE("colours are for terminals that have them and people who want them", "[cli]") {
  const pseudo_terminal terminal;
  const environment_variable no_colour{"NO_COLOR", nullptr};
  const environment_variable more{"COLORTERM", nullptr};
  const environment_variable type{"TERM", "xterm-256color"};
  CHECK(colours_of(terminal.end()) == colour_depth::palette);
  CHECK(colours_of(-1) == colour_depth::none);
  {
    const environment_variable empty{"NO_COLOR", ""};
    CHECK(colours_of(terminal.end()) == colour_depth::palette);
    const environment_variable set{"NO_COLOR", "1"};
    CHECK(colours_of(terminal.end()) == colour_depth::none);
  }
  for (const char* none : {static_cast<const char*>(nullptr), "", "dumb"}) {
    const environment_variable dumb{"TERM", none};
    CHECK(colours_of(terminal.end()) == colour_depth::none);
  }
  const environment_variable plain{"TERM", "xterm"};
  CHECK(colours_of(terminal.end()) == colour_depth::basic);
  const environment_variable true_colour{"COLORTERM", "truecolor"};
  CHECK(colours_of(terminal.end()) == colour_depth::palette);
}
