#include "tcptools/base/utf8.hpp"

#include <algorithm>
#include <array>

namespace tcptools {
namespace {

struct range {
  char32_t first;
  char32_t last;
};

// Unicode 15: general categories Cc, Zl and Zp, the property Default_Ignorable_Code_Point (DerivedCoreProperties.txt;
// all bidirectional controls, joiners, fillers, variation selectors and tags are in it), and the format characters
// outside of it that have no shape of their own. In ascending order.
constexpr std::array invisible_ranges{
    range{0x0000, 0x001F},    // C0
    range{0x007F, 0x009F},    // DEL, C1
    range{0x00AD, 0x00AD},    // soft hyphen
    range{0x034F, 0x034F},    // combining grapheme joiner
    range{0x061C, 0x061C},    // Arabic letter mark
    range{0x115F, 0x1160},    // Hangul fillers
    range{0x17B4, 0x17B5},    // Khmer inherent vowels
    range{0x180B, 0x180F},    // Mongolian variation selectors, vowel separator
    range{0x200B, 0x200F},    // zero width space, joiners, directional marks
    range{0x2028, 0x202E},    // line and paragraph separators, directional embeddings and overrides
    range{0x2060, 0x206F},    // word joiner, invisible operators, directional isolates
    range{0x3164, 0x3164},    // Hangul filler
    range{0xFE00, 0xFE0F},    // variation selectors
    range{0xFEFF, 0xFEFF},    // byte order mark
    range{0xFFA0, 0xFFA0},    // halfwidth Hangul filler
    range{0xFFF0, 0xFFFB},    // unassigned, interlinear annotation
    range{0x13430, 0x1343F},  // Egyptian hieroglyph format controls
    range{0x1BCA0, 0x1BCA3},  // shorthand format controls
    range{0x1D173, 0x1D17A},  // musical format controls
    range{0xE0000, 0xE0FFF},  // tags, variation selectors
};

}  // namespace

code_point first_code_point(std::string_view text) noexcept {
  const auto octet = [text](std::size_t at) -> char32_t { return static_cast<unsigned char>(text[at]); };

  const char32_t lead = octet(0);
  if (lead < 0x80) return {lead, 1};

  code_point found;
  char32_t smallest = 0;  // anything below is an overlong form
  if ((lead & 0xE0U) == 0xC0) {
    found = {lead & 0x1FU, 2};
    smallest = 0x80;
  } else if ((lead & 0xF0U) == 0xE0) {
    found = {lead & 0x0FU, 3};
    smallest = 0x800;
  } else if ((lead & 0xF8U) == 0xF0) {
    found = {lead & 0x07U, 4};
    smallest = 0x10000;
  } else {
    return {};
  }

  if (text.size() < found.length) return {};
  for (std::size_t at = 1; at < found.length; ++at) {
    if ((octet(at) & 0xC0U) != 0x80) return {};
    found.value = found.value << 6U | (octet(at) & 0x3FU);
  }
  const bool surrogate = found.value >= 0xD800 && found.value <= 0xDFFF;
  if (found.value < smallest || found.value > 0x10FFFF || surrogate) return {};
  return found;
}

bool is_invisible(char32_t value) noexcept {
  const auto at = std::ranges::lower_bound(invisible_ranges, value, {}, &range::last);
  return at != invisible_ranges.end() && value >= at->first;
}

}  // namespace tcptools
