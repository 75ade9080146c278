#include "cli/columns.hpp"

#include <clocale>
#include <cwchar>

namespace tcptools::cli {

std::optional<std::size_t> columns_of(char32_t character) noexcept {
  if (character >= U' ' && character < U'\x7f') return 1;
  // wcwidth(3) knows characters only in a UTF-8 locale, which the user's need not be.
  static const locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  if (utf8 == nullptr) return 1;
  const locale_t before = uselocale(utf8);
  const int columns = wcwidth(static_cast<wchar_t>(character));
  uselocale(before);
  if (columns < 0) return std::nullopt;
  return static_cast<std::size_t>(columns);
}

}  // namespace tcptools::cli
