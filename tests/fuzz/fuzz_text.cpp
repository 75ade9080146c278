// Whatever text comes in, what is shown of it is UTF-8 and does nothing to a terminal.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tcptools/base/text.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const std::string shown = tcptools::visible(text);
  if (!tcptools::is_utf8(shown)) std::abort();
  for (const char c : shown) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet < 0x20 || octet == 0x7F) std::abort();
  }
  // Shown twice, only the backslashes of the first time change: nothing else was left to be made visible.
  std::string doubled;
  for (const char c : shown) doubled.append(c == '\\' ? 2 : 1, c);
  if (tcptools::visible(shown) != doubled) std::abort();
  return 0;
}
