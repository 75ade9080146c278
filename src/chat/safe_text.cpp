#include "tcptools/chat/safe_text.hpp"

#include <algorithm>
#include <array>

#include "tcptools/base/utf8.hpp"

namespace tcptools::chat {
namespace {

constexpr std::string_view replacement = "\uFFFD";

bool is_plain_ascii(char c) noexcept { return (c >= 0x20 && c < 0x7F) || c == '\t'; }

// What scripts and emoji need, although it cannot be seen.
bool shapes_neighbours(char32_t value) noexcept {
  return value == 0x200C || value == 0x200D || (value >= 0xFE00 && value <= 0xFE0F);
}

bool is_kept(code_point one) noexcept {
  return one.length != 0 && (!is_invisible(one.value) || shapes_neighbours(one.value));
}

// The bytes can be the first ones of a character that is longer.
bool begins_character(std::string_view bytes) noexcept {
  const auto lead = static_cast<unsigned char>(bytes.front());
  const std::size_t length = std::size_t{1} + (lead >= 0xC0) + (lead >= 0xE0) + (lead >= 0xF0);
  if (bytes.size() >= length) return false;
  // Surrogates and overlong forms begin as good characters do: their ends decide. All ends lie between these two, and
  // those that are good reach up to one of them.
  for (const char end : {'\x80', '\xBF'}) {
    std::array<char, 4> whole{end, end, end, end};
    std::ranges::copy(bytes, whole.begin());
    if (first_code_point({whole.data(), length}).length == length) return true;
  }
  return false;
}

}  // namespace

std::string safe_text(std::string_view text) {
  std::string safe;
  safe.reserve(text.size());
  std::size_t copied = 0;  // up to here `text` is in `safe`
  std::size_t at = 0;
  while (at < text.size()) {
    if (is_plain_ascii(text[at])) {
      ++at;
      continue;
    }
    const code_point one = first_code_point(text.substr(at));
    const std::size_t length = std::max<std::size_t>(one.length, 1);
    if (!is_kept(one)) {
      safe.append(text.substr(copied, at - copied)).append(replacement);
      copied = at + length;
    }
    at += length;
  }
  safe.append(text.substr(copied));
  safe.erase(safe.find_last_not_of(" \t") + 1);
  return safe;
}

std::string_view cut_to(std::string_view text, std::size_t size) noexcept {
  if (text.size() <= size) return text;
  const std::string_view head = text.substr(0, size);
  const std::size_t whole = size - unfinished_at_end(head);
  if (whole > 0 || first_code_point(text).length > 0) return head.substr(0, whole);
  return head;
}

std::size_t unfinished_at_end(std::string_view text) noexcept {
  for (std::size_t length = 1; length <= std::min<std::size_t>(text.size(), 3); ++length) {
    const std::string_view end = text.substr(text.size() - length);
    const bool continues = (static_cast<unsigned char>(end.front()) & 0xC0U) == 0x80;
    if (!continues) return begins_character(end) ? length : 0;
  }
  return 0;
}

}  // namespace tcptools::chat
