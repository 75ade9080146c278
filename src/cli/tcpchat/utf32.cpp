#include "cli/tcpchat/utf32.hpp"

#include <algorithm>

#include "tcptools/base/text.hpp"

namespace tcptools::cli {

decoded first_character(std::string_view bytes) noexcept {
  const auto octet = [bytes](std::size_t at) -> char32_t { return static_cast<unsigned char>(bytes[at]); };
  const char32_t lead = octet(0);
  if (lead < 0x80U) return {lead, 1};
  if (lead < 0xC2U || lead > 0xF4U) return {};

  const std::size_t length = 2U + (lead >= 0xE0U ? 1U : 0U) + (lead >= 0xF0U ? 1U : 0U);
  const std::size_t here = std::min(length, bytes.size());
  char32_t character = lead & (0xFFU >> (length + 1));
  for (std::size_t at = 1; at < here; ++at) {
    if ((octet(at) & 0xC0U) != 0x80U) return {};
    character = character << 6U | (octet(at) & 0x3FU);
  }
  if (here < length) return {U'\uFFFD', 0};
  if (!is_utf8(bytes.substr(0, length))) return {};  // overlong forms, surrogates
  return {character, length};
}

std::u32string to_utf32(std::string_view text) {
  std::u32string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto [character, length] = first_character(text);
    out += character;
    text.remove_prefix(length == 0 ? text.size() : length);
  }
  return out;
}

void append_utf8(std::string& out, char32_t character) {
  const auto add = [&out](char32_t octet) { out += static_cast<char>(static_cast<unsigned char>(octet)); };
  const auto add_low_bits = [&](unsigned shift) { add(0x80U | (character >> shift & 0x3FU)); };
  if (character < 0x80U) {
    add(character);
  } else if (character < 0x800U) {
    add(0xC0U | character >> 6U);
    add_low_bits(0);
  } else if (character < 0x10000U) {
    add(0xE0U | character >> 12U);
    add_low_bits(6);
    add_low_bits(0);
  } else {
    add(0xF0U | character >> 18U);
    add_low_bits(12);
    add_low_bits(6);
    add_low_bits(0);
  }
}

std::string to_utf8(std::u32string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char32_t character : text) append_utf8(out, character);
  return out;
}

bool cut_to(std::string& text, std::size_t size) {
  if (text.size() <= size) return false;
  const auto goes_on = [&text](std::size_t at) { return (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U; };
  std::size_t at = size;
  while (at > 0 && size - at < 3 && goes_on(at)) --at;
  text.resize(at);
  return true;
}

}  // namespace tcptools::cli
