#include "cli/utf32.hpp"

#include "support/catch.hpp"

using namespace tcptools::cli;

TEST_CASE("text survives the way to characters and back", "[cli]") {
  for (const std::string text : {"", "abc", "\u00e9\u07ff\u0800\uffff", "\U00010000\U0010FFFF", "漢字\t\n"}) {
    CHECK(to_utf8(to_utf32(text)) == text);
  }
  CHECK(to_utf32("a\u00e9漢\U0001F600") == U"a\u00e9漢\U0001F600");
}

TEST_CASE("what is no UTF-8 becomes a replacement character for each byte", "[cli]") {
  CHECK(to_utf32("a\xFF"
                 "b") == U"a\uFFFDb");
  CHECK(to_utf32("\xC0\x80") == U"\uFFFD\uFFFD");
  CHECK(to_utf32("\xED\xA0\x80") == U"\uFFFD\uFFFD\uFFFD");
  CHECK(to_utf32("\xC3"
                 "a") == U"\uFFFDa");
  CHECK(to_utf32("a\xE6\xBC") == U"a\uFFFD");
}

TEST_CASE("of a character that has not come as a whole more is wanted", "[cli]") {
  CHECK(first_character("\xE6\xBC").length == 0);
  CHECK(first_character("\xE6\xBC\xA2").length == 3);
  CHECK(first_character("\xF0").length == 0);
  CHECK(first_character("\xE6x").length == 1);
}
