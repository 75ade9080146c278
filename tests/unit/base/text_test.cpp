#include "tcptools/base/text.hpp"

#include <algorithm>
#include <string>
#include <string_view>

#include "support/catch.hpp"

using namespace std::string_view_literals;
using tcptools::is_utf8;
using tcptools::visible;

TEST_CASE("well-formed UTF-8 of every length, at the ends of its range") {
  for (const auto text : {""sv, "plain"sv, "\0"sv, "\x7F"sv, "\xC2\x80"sv, "\xDF\xBF"sv, "\xE0\xA0\x80"sv,
                          "\xED\x9F\xBF"sv, "\xEE\x80\x80"sv, "\xEF\xBF\xBF"sv, "\xF0\x90\x80\x80"sv,
                          "\xF4\x8F\xBF\xBF"sv, "gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x8E\x89"sv}) {
    CAPTURE(visible(text));
    CHECK(is_utf8(text));
  }
}

TEST_CASE("what is not UTF-8") {
  const auto no_first_byte = {"\x80"sv, "\xBF"sv, "\xFE"sv, "\xFF"sv, "\xF8\x88\x80\x80\x80"sv};
  const auto cut_short = {"\xC3"sv, "\xE2\x82"sv, "\xF0\x9F\x8E"sv, "a\xC3"sv};
  const auto no_continuation = {"\xC3z"sv, "\xE2z\xAC"sv, "\xE2\x82z"sv, "\xF0\x9F\x8Ez"sv};
  const auto overlong = {"\xC0\xAF"sv, "\xC1\xBF"sv, "\xE0\x9F\xBF"sv, "\xF0\x8F\xBF\xBF"sv};
  const auto surrogates = {"\xED\xA0\x80"sv, "\xED\xBF\xBF"sv, "\xED\xA0\xBD\xED\xB8\x80"sv};
  const auto beyond_unicode = {"\xF4\x90\x80\x80"sv, "\xF5\x80\x80\x80"sv, "\xF7\xBF\xBF\xBF"sv};
  for (const auto& texts : {no_first_byte, cut_short, no_continuation, overlong, surrogates, beyond_unicode}) {
    for (const auto text : texts) {
      CAPTURE(visible(text));
      CHECK_FALSE(is_utf8(text));
      CHECK_FALSE(is_utf8("before " + std::string{text}));
      CHECK_FALSE(is_utf8(std::string{text} + " behind"));
    }
  }
}

TEST_CASE("what can be seen is left alone") {
  for (const auto text : {
           "report (final).txt"sv, "gr\xC3\xBC\xC3\x9F"sv, "\xE6\x96\x87\xE4\xBB\xB6"sv, "\xF0\x9F\x8E\x89"sv,
           "e\xCC\x81"sv,                 // a combining accent
           "\xD9\x85\xD9\x84\xD9\x81"sv,  // Arabic letters without controls
           "\xC2\xA0"sv,                  // no-break space
           "\xEF\xBF\xBD"sv,              // replacement character
       }) {
    CHECK(visible(text) == text);
  }
}

TEST_CASE("what is short has a short form, and the backslash stays unambiguous") {
  CHECK(visible("a\nb\tc") == R"(a\nb\tc)");
  CHECK(visible(R"(C:\x41)") == R"(C:\\x41)");
}

TEST_CASE("controls are spelt out") {
  CHECK(visible("\0"sv) == R"(\x00)");
  CHECK(visible("\r\a\b") == R"(\x0D\x07\x08)");
  CHECK(visible("\x1B[31mred") == R"(\x1B[31mred)");
  CHECK(visible("\x7F") == R"(\x7F)");
  CHECK(visible("\u0085") == R"(\xC2\x85)");        // next line
  CHECK(visible("\u009B31m") == R"(\xC2\x9B31m)");  // control sequence introducer
  CHECK(visible("\u2028") == R"(\xE2\x80\xA8)");    // line separator
  CHECK(visible("\u2029") == R"(\xE2\x80\xA9)");    // paragraph separator
}

TEST_CASE("what reorders a line is spelt out") {
  CHECK(visible("cod\u202Etxt.exe") == R"(cod\xE2\x80\xAEtxt.exe)");  // right-to-left override
  CHECK(visible("\u202Ax\u202C") == R"(\xE2\x80\xAAx\xE2\x80\xAC)");  // embedding
  CHECK(visible("\u2066x\u2069") == R"(\xE2\x81\xA6x\xE2\x81\xA9)");  // isolate
  CHECK(visible("\u200E\u200F") == R"(\xE2\x80\x8E\xE2\x80\x8F)");    // marks
  CHECK(visible("\u061C") == R"(\xD8\x9C)");                          // Arabic letter mark
}

TEST_CASE("what cannot be seen is spelt out") {
  CHECK(visible("a\u200Bb") == R"(a\xE2\x80\x8Bb)");      // zero width space
  CHECK(visible("a\u200Db") == R"(a\xE2\x80\x8Db)");      // zero width joiner
  CHECK(visible("\uFEFFtext") == R"(\xEF\xBB\xBFtext)");  // byte order mark
  CHECK(visible("a\u00ADb") == R"(a\xC2\xADb)");          // soft hyphen
  CHECK(visible("\u3164") == R"(\xE3\x85\xA4)");          // Hangul filler
  CHECK(visible("\uFE0F") == R"(\xEF\xB8\x8F)");          // variation selector
  CHECK(visible("\U000E0041") == R"(\xF3\xA0\x81\x81)");  // tag letter
}

TEST_CASE("bytes that are not UTF-8 are spelt out one by one, their neighbours are not") {
  CHECK(visible("a\xFF\xC3") == R"(a\xFF\xC3)");
  CHECK(visible("\xC3z") == R"(\xC3z)");
  CHECK(visible("\xE2\x82\xC3\xBC") == "\\xE2\\x82\xC3\xBC");
  CHECK(visible("\xC0\xAF") == R"(\xC0\xAF)");
  CHECK(visible("\xED\xA0\x80") == R"(\xED\xA0\x80)");
}

TEST_CASE("what is shown is UTF-8 without controls, whatever it was") {
  const auto is_control = [](char c) { return (c >= 0 && c < 0x20) || c == 0x7F; };
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const std::string shown = visible(std::string{static_cast<char>(first), static_cast<char>(second)});
      CAPTURE(first, second, shown);
      REQUIRE(is_utf8(shown));
      REQUIRE(std::ranges::none_of(shown, is_control));
    }
  }
}
