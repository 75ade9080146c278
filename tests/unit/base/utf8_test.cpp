#include "tcptools/base/utf8.hpp"

#include <string_view>

#include "support/catch.hpp"

using namespace std::string_view_literals;
using tcptools::first_code_point;
using tcptools::is_invisible;

TEST_CASE("the first code point has its value and its length, whatever follows") {
  const auto is = [](std::string_view text, char32_t value, std::size_t length) {
    const auto found = first_code_point(text);
    return found.value == value && found.length == length;
  };
  CHECK(is("a", U'a', 1));
  CHECK(is("\0\xFF"sv, U'\0', 1));
  CHECK(is("\xC3\xBC\xFF", U'\u00FC', 2));
  CHECK(is("\u20AC!", U'\u20AC', 3));
  CHECK(is("\U0001F389\x80", U'\U0001F389', 4));
}

TEST_CASE("what is not UTF-8 has no length") {
  for (const auto text : {"\x80"sv, "\xC3"sv, "\xC0\xAF"sv, "\xE2\x82"sv, "\xED\xA0\x80"sv, "\xF4\x90\x80\x80"sv}) {
    CHECK(first_code_point(text).length == 0);
  }
}

TEST_CASE("ranges of invisible code points end where they should") {
  for (const char32_t value :
       {U'\0', U'\x1F', U'\x7F', U'\u009F', U'\u00AD', U'\u200B', U'\u200F', U'\u2028', U'\u202E', U'\u2060', U'\u206F',
        U'\uFE00', U'\uFE0F', U'\uFEFF', U'\U000E0000', U'\U000E0FFF'}) {
    CAPTURE(static_cast<unsigned>(value));
    CHECK(is_invisible(value));
  }
  for (const char32_t value : {U' ', U'~', U'\u00A0', U'\u00AE', U'\u200A', U'\u2010', U'\u2027', U'\u202F', U'\u205F',
                               U'\u2070', U'\uFDFF', U'\uFE10', U'\uFFFD', U'\U0010FFFF'}) {
    CAPTURE(static_cast<unsigned>(value));
    CHECK_FALSE(is_invisible(value));
  }
}
