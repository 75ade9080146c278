#include "tcptools/base/text.hpp"

#include <algorithm>
#include <cstddef>

#include "tcptools/base/utf8.hpp"

namespace tcptools {
namespace {

void append_escaped(std::string& out, std::string_view bytes) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  for (const char byte : bytes) {
    const auto octet = static_cast<unsigned char>(byte);
    out += {'\\', 'x', digits[octet >> 4U], digits[octet & 0x0FU]};
  }
}

}  // namespace

bool is_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    const std::size_t length = first_code_point(text).length;
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string visible(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto [value, length] = first_code_point(text);
    const std::string_view bytes = text.substr(0, std::max<std::size_t>(length, 1));
    if (value == U'\n') {
      out += "\\n";
    } else if (value == U'\t') {
      out += "\\t";
    } else if (value == U'\\') {
      out += "\\\\";
    } else if (length == 0 || is_invisible(value)) {
      append_escaped(out, bytes);
    } else {
      out += bytes;
    }
    text.remove_prefix(bytes.size());
  }
  return out;
}

std::string in_quotes(std::string_view text) { return "'" + visible(text) + "'"; }

}  // namespace tcptools
