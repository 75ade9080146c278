#include "cli/tcpchat/utf32.hpp"

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

TEST_CASE("text is cut between characters", "[cli]") {
  const auto cut = [](std::string text, std::size_t size) {
    CHECK(cut_to(text, size));
    return text;
  };
  std::string whole = "a漢";
  CHECK_FALSE(cut_to(whole, 4));
  CHECK(whole == "a漢");
  for (const std::size_t size : {1U, 2U, 3U}) {
    std::string text = whole;
    CHECK(cut_to(text, size));
    CHECK(text == "a");
  }
  CHECK(cut("\x80\x80\x80\x80\x80\x80", 4).size() == 1);
  CHECK(cut("abc", 0).empty());
}
